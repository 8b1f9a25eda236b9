"""Google, as far as a gateway asks it: the metadata server, Secret Manager, and Vertex AI; and a model elsewhere.

All but the first are asked over TLS under their own names, which lead here. Secret Manager and Vertex AI answer the
account of the gateway alone, by the token of its metadata server, and for what the recorded graph grants it.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.x509 import DNSName
from gcp_rules.graph import ACCOUNT, VERSION, Graph
from http_kit import Handler, Seen, listening
from tls_kit import Authority

from inference_edge_cache.testing import Recording

TOKEN = "ya29.a-token-of-the-gateway's-account"
NAMES = (".googleapis.com", ".example.com")
"""What the names end with that lead here."""
VECTOR = [0.25, -0.5]


@dataclass
class Google:
    """``answer`` is what the model says next: a status and a document."""

    recording: Recording
    url: str = ""
    """Of the metadata server."""
    port: int = 0
    """Where everything else is asked, over TLS."""
    authority: Path = Path()
    """Who signed its certificate."""
    asked_of_model: list[Seen] = field(default_factory=list[Seen])
    asked_of_secrets: list[str] = field(default_factory=list[str])
    answer: tuple[int, Any] = (200, None)

    def reply(self, asked: Seen) -> tuple[int, Any]:
        if asked.host == "model.example.com":
            return self._model(asked)
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"error": {"status": "UNAUTHENTICATED"}}
        if asked.host == "secretmanager.googleapis.com":
            return self._secret(asked.target)
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

    def _predict(self, asked: Seen) -> tuple[int, Any]:
        """A container that answers as OpenAI does, behind ``rawPredict``: a vector for each input."""
        endpoints = [one.what for one in Graph(self.recording).grants() if one.kind.startswith("vertex/")]
        if asked.target.rpartition("/")[2] not in [f"{endpoint}:rawPredict" for endpoint in endpoints]:
            return 403, {"error": {"status": "PERMISSION_DENIED"}}
        return self._model(asked)

    def _model(self, asked: Seen) -> tuple[int, Any]:
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
    certificates = Authority.new().certificates(folder, *(DNSName(f"*{name}") for name in NAMES))
    found = Google(recording, authority=certificates.authority)

    class Everything(_Answering):
        def handle_one(self, asked: Seen) -> tuple[int, Any]:
            return found.reply(asked)

    with listening(Everything, certificates.server()) as found.port, listening(_Metadata) as port:
        found.url = f"127.0.0.1:{port}"
        yield found


class _Answering(Handler):
    def handle_one(self, asked: Seen) -> tuple[int, Any]:
        raise NotImplementedError

    def _answer(self) -> None:
        status, document = self.handle_one(self.seen())
        content = document.encode() if isinstance(document, str) else json.dumps(document).encode()
        self.send_response_only(status)
        self.send_header("metadata-flavor", "Google")
        self.send_header("content-type", "application/text" if isinstance(document, str) else "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer


class _Metadata(_Answering):
    """cloud.google.com/run/docs/container-contract#metadata-server."""

    def handle_one(self, asked: Seen) -> tuple[int, Any]:
        if asked.headers.get("metadata-flavor") != "Google":
            return 403, "Missing Metadata-Flavor:Google header."
        path = asked.target.partition("?")[0].removeprefix("/computeMetadata/v1")
        if path.endswith("/token"):
            return 200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
        if path.rstrip("/").endswith("/service-accounts/default"):
            scopes = ["https://www.googleapis.com/auth/cloud-platform"]
            return 200, {"aliases": ["default"], "email": "default", "scopes": scopes}
        return 200, {"/project/project-id": "my-project", "/universe/universe-domain": "googleapis.com"}.get(path, "")
