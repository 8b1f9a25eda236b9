"""What a connection over TLS is trusted by."""

import datetime
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from model_kit import Servers, ask, failure

from inference_edge_cache.gateway.models.https import HttpsModel


@dataclass(frozen=True)
class Authority:
    """Signs certificates of servers."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority of these tests")])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            _dated(x509.CertificateBuilder(subject_name=name, issuer_name=name), key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    def server(self, folder: Path, name: x509.GeneralName) -> ssl.SSLContext:
        """The context of a server that goes by ``name``."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = x509.CertificateBuilder(issuer_name=self.certificate.subject, subject_name=x509.Name([]))
        certificate = (
            _dated(builder, key)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(own, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        file = folder / "server.pem"
        plain = serialization.NoEncryption()
        file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def trusted(self, folder: Path) -> str:
        file = folder / "authority.pem"
        file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return str(file)


def _dated(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    return (
        builder.public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
    )


LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new()


def test_a_certificate_of_a_trusted_authority_is_enough(servers: Servers, authority, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", authority.trusted(tmp_path))
    server = servers(authority.server(tmp_path, LOOPBACK))
    server.says(b"said")
    model = HttpsModel(server.url)
    assert [ask(model).body for _ in range(2)] == [b"said"] * 2


def test_a_certificate_of_nobody_known_is_not(servers: Servers, authority, tmp_path):
    server = servers(authority.server(tmp_path, LOOPBACK))
    server.says()
    failed = failure(HttpsModel(server.url))
    assert (failed.status, str(failed)) == (502, "the model did not answer (SSLCertVerificationError)")
    assert server.seen == []


def test_a_certificate_for_another_name_is_not(servers: Servers, authority, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", authority.trusted(tmp_path))
    server = servers(authority.server(tmp_path, x509.DNSName("model.example.com")))
    server.says()
    assert failure(HttpsModel(server.url)).status == 502
    assert server.seen == []


def test_tls_before_1_2_is_not(servers: Servers, authority, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", authority.trusted(tmp_path))
    old = authority.server(tmp_path, LOOPBACK)
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


def test_an_answer_that_drips_over_tls_is_too_late_all_the_same(servers: Servers, authority, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", authority.trusted(tmp_path))
    server = servers(authority.server(tmp_path, LOOPBACK))

    def answer(exchange) -> bool:
        exchange.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + b"x" * 10_000)
        return False

    server.answer = answer
    assert failure(HttpsModel(server.url), seconds=0.5).status == 504
