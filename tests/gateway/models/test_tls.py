"""What a connection over TLS is trusted by."""

import socket
import ssl

import pytest
from cryptography.x509 import DNSName
from model_kit import Servers, ask, failure
from tls_kit import LOOPBACK, Authority, Certificates

from inference_edge_cache.gateway.models.https import HttpsModel


@pytest.fixture
def certificates(tmp_path) -> Certificates:
    """Of a server on 127.0.0.1."""
    return Authority.new().certificates(tmp_path, LOOPBACK)


def test_a_certificate_of_a_trusted_authority_is_enough(servers: Servers, certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    server = servers(certificates.server())
    server.says(b"said")
    model = HttpsModel(server.url)
    assert [ask(model).body for _ in range(2)] == [b"said"] * 2


def test_a_certificate_of_nobody_known_is_not(servers: Servers, certificates):
    server = servers(certificates.server())
    server.says()
    failed = failure(HttpsModel(server.url))
    assert (failed.status, str(failed)) == (502, "the model did not answer (SSLCertVerificationError)")
    assert server.seen == []


def test_a_certificate_for_another_name_is_not(servers: Servers, tmp_path, monkeypatch):
    certificates = Authority.new().certificates(tmp_path, DNSName("model.example.com"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    server = servers(certificates.server())
    server.says()
    assert failure(HttpsModel(server.url)).status == 502
    assert server.seen == []


def test_tls_before_1_2_is_not(servers: Servers, certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    old = certificates.server()
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    server = servers(old)
    server.says()
    assert failure(HttpsModel(server.url)).status == 502
    assert server.seen == []


def test_a_model_that_never_ends_its_handshake_is_too_late():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        assert failure(HttpsModel(url, connect_timeout=0.2)).status == 504


def test_an_answer_that_drips_over_tls_is_too_late_all_the_same(servers: Servers, certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    server = servers(certificates.server())

    def answer(exchange) -> bool:
        exchange.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + b"x" * 10_000)
        return False

    server.answer = answer
    assert failure(HttpsModel(server.url), seconds=0.5).status == 504
