"""Google, as far as a gateway asks it: the metadata server, Secret Manager, and Vertex AI; and a model elsewhere.

All but the first are asked over TLS under their own names, which lead here. Secret Manager and Vertex AI answer the
account of the gateway alone, by the token of its metadata server, and for what the recorded graph grants it.
"""

import base64
import datetime
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gcp_rules.graph import ACCOUNT, VERSION, Graph

from inference_edge_cache.testing import Recording

TOKEN = "ya29.a-token-of-the-gateway's-account"
NAMES = (".googleapis.com", ".example.com")
"""What the names end with that lead here."""
VECTOR = [0.25, -0.5]


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    method: str
    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Google:
    """``answer`` is what the model says next: a status and a document."""

    recording: Recording
    url: str = ""
    """Of the metadata server."""
    port: int = 0
    """Where everything else is asked, over TLS."""
    certificate: Path = Path()
    asked_of_model: list[Asked] = field(default_factory=list[Asked])
    asked_of_secrets: list[str] = field(default_factory=list[str])
    answer: tuple[int, Any] = (200, None)

    def reply(self, asked: Asked) -> tuple[int, Any]:
        if asked.host == "model.example.com":
            return self._model(asked)
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"error": {"status": "UNAUTHENTICATED"}}
        if asked.host == "secretmanager.googleapis.com":
            return self._secret(asked.path)
        if asked.host.endswith("-aiplatform.googleapis.com"):
            return self._predict(asked)
        return 404, {"error": {"status": "NOT_FOUND"}}

    def _secret(self, path: str) -> tuple[int, Any]:
        """cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access."""
        self.asked_of_secrets.append(path)
        secret, _, version = path.removeprefix("/v1/").removesuffix(":access").partition("/versions/")
        graph = Graph(self.recording)
        (account,) = graph.of(ACCOUNT)
        if secret not in [grant.what for grant in graph.grants_to(account) if "secretAccessor" in grant.role]:
            return 403, {"error": {"status": "PERMISSION_DENIED"}}
        versions = [one for one in graph.of(VERSION) if one.inputs["secret"] == secret]
        if version not in ("latest", "1"):
            return 404, {"error": {"status": "NOT_FOUND"}}
        data = base64.b64encode(versions[0].inputs["secretData"].encode()).decode()
        return 200, {"name": versions[0].id, "payload": {"data": data}}

    def _predict(self, asked: Asked) -> tuple[int, Any]:
        """A container that answers as OpenAI does, behind ``rawPredict``: a vector for each input."""
        endpoints = [one.what for one in Graph(self.recording).grants() if one.kind.startswith("vertex/")]
        if asked.path.rpartition("/")[2] not in [f"{endpoint}:rawPredict" for endpoint in endpoints]:
            return 403, {"error": {"status": "PERMISSION_DENIED"}}
        return self._model(asked)

    def _model(self, asked: Asked) -> tuple[int, Any]:
        self.asked_of_model.append(asked)
        status, document = self.answer
        return status, document or _embeddings(json.loads(asked.body))


def _embeddings(request: Mapping[str, Any]) -> dict[str, Any]:
    inputs = request["input"] if isinstance(request["input"], list) else [request["input"]]
    data = [{"object": "embedding", "index": index, "embedding": VECTOR} for index in range(len(inputs))]
    return {"object": "list", "model": request["model"], "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}}


@contextmanager
def google(recording: Recording, folder: Path) -> Iterator[Google]:
    """Google, for the account that ``recording`` has made."""
    found = Google(recording, certificate=folder / "google.pem")
    context = _certificate(found.certificate, folder / "google.key")

    class Everything(_Handler):
        def handle_one(self, asked: Asked) -> tuple[int, Any]:
            return found.reply(asked)

    with _served(Everything, context) as found.port, _served(_Metadata) as port:
        found.url = f"127.0.0.1:{port}"
        yield found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self, asked: Asked) -> tuple[int, Any]:
        raise NotImplementedError

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        host = headers.get("host", "").partition(":")[0]
        status, document = self.handle_one(Asked(self.command, host, self.path, headers, body))
        content = document.encode() if isinstance(document, str) else json.dumps(document).encode()
        self.send_response_only(status)
        self.send_header("metadata-flavor", "Google")
        self.send_header("content-type", "application/text" if isinstance(document, str) else "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what it is asked is asserted."""


class _Metadata(_Handler):
    """cloud.google.com/run/docs/container-contract#metadata-server."""

    def handle_one(self, asked: Asked) -> tuple[int, Any]:
        if asked.headers.get("metadata-flavor") != "Google":
            return 403, "Missing Metadata-Flavor:Google header."
        path = asked.path.partition("?")[0].removeprefix("/computeMetadata/v1")
        if path.endswith("/token"):
            return 200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
        if path.rstrip("/").endswith("/service-accounts/default"):
            scopes = ["https://www.googleapis.com/auth/cloud-platform"]
            return 200, {"aliases": ["default"], "email": "default", "scopes": scopes}
        return 200, {"/project/project-id": "my-project", "/universe/universe-domain": "googleapis.com"}.get(path, "")


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _certificate(file: Path, key_file: Path) -> ssl.SSLContext:
    """A certificate for Google's names, which trusts itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Google, in tests")])
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
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(f"*{text}") for text in NAMES]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return context
