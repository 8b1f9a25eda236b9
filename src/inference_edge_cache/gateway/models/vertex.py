"""A model on Vertex AI (cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints)."""

import re
import threading
from functools import partial
from typing import Any, Literal

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.messages import Deadline
from inference_edge_cache.gateway.model import ModelAnswer, ModelFailed, ModelRequest
from inference_edge_cache.gateway.models.streaming import asks_for_stream
from inference_edge_cache.gateway.models.transport import Transport, with_defaults
from inference_edge_cache.gateway.needs import require

_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
_RESOURCE = re.compile(r"(endpoints/)?[A-Za-z0-9_-]+|publishers/[A-Za-z0-9_-]+/models/[A-Za-z0-9._@-]+")

_FORWARDED = frozenset({"accept", "content-type", "x-goog-fieldmask"})


class VertexModel:
    """Sends the body of each request to one endpoint, as ``predict`` or as ``rawPredict``.

    ``endpoint`` is the id of an endpoint, or a model of a publisher (``publishers/anthropic/models/...``). With
    ``rawPredict`` a body with ``"stream": true`` goes to ``streamRawPredict``, whose events are relayed. ``base_url``
    is the domain of a dedicated endpoint. Path and query of a request are the gateway's own and are not sent.

    Answers are relayed as they are, but for those that are about the gateway (401, 403, 404): those are
    ``ModelFailed``. Needs ``aiplatform.endpoints.predict``, and ``google-auth[urllib3]``. ``credentials`` are
    google-auth's, or the application's default; finding those is not bounded by a deadline. Raises
    ``GatewayConfigError``.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        project: str,
        location: str,
        method: Literal["predict", "rawPredict"],
        base_url: str | None = None,
        credentials: Any = None,
    ) -> None:
        for module in ("google.auth", "packaging"):  # google-auth[urllib3]
            require(module, "a model on Vertex AI")
        if method not in ("predict", "rawPredict"):
            raise GatewayConfigError('method must be "predict" or "rawPredict"')
        if not _RESOURCE.fullmatch(endpoint):
            raise GatewayConfigError("endpoint must be an endpoint's id, or publishers/<publisher>/models/<model>")
        for name, value in (("project", project), ("location", location)):
            if not _SEGMENT.fullmatch(value):
                raise GatewayConfigError(f"{name} is not the name of a {name}")
        # The global location has no prefix: cloud.google.com/vertex-ai/docs/reference/rest#rest_endpoints.
        host = "aiplatform.googleapis.com" if location == "global" else f"{location}-aiplatform.googleapis.com"
        resource = endpoint if "/" in endpoint else f"endpoints/{endpoint}"
        self._transport = Transport(base_url or f"https://{host}", named="base_url")
        self._target = f"{self._transport.path}/v1/projects/{project}/locations/{location}/{resource}:"
        self._method = method
        self._tokens = _Tokens(credentials)

    def answer(self, request: ModelRequest, deadline: Deadline) -> ModelAnswer:
        streams = self._method == "rawPredict" and asks_for_stream(request.body)
        token = self._tokens.current(deadline)
        headers = with_defaults(
            (
                *(line for line in request.headers if line[0] in _FORWARDED),
                ("authorization", f"Bearer {token}"),
            ),
            ("content-type", "application/json"),
            ("accept", "text/event-stream" if streams else "application/json"),
        )
        target = self._target + ("streamRawPredict" if streams else self._method)
        answer = self._transport.ask("POST", target, headers, request.body, deadline)
        if answer.status not in _ABOUT_THE_GATEWAY:
            return answer
        answer.chunks.close()
        if answer.status == 401:
            self._tokens.forget(token)
        raise ModelFailed(502, _ABOUT_THE_GATEWAY[answer.status])


_ABOUT_THE_GATEWAY = {
    401: "the gateway's credentials are not accepted by its model",
    403: "the gateway may not call its model",
    404: "the gateway's model is not there",
}


class _Tokens:
    """Access tokens, renewed a few minutes before they expire (google-auth says when), by one thread at a time."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials
        self._lock = threading.Lock()

    def current(self, deadline: Deadline) -> str:
        """Raises ``ModelFailed``."""
        from google.auth.exceptions import GoogleAuthError

        if not self._lock.acquire(timeout=deadline.remaining()):
            raise ModelFailed(504, "the gateway had no credentials for its model in time")
        try:
            if self._credentials is None:
                self._credentials = _default_credentials()
            if not self._credentials.valid:
                self._credentials.refresh(_requests(deadline))
            return self._credentials.token
        except GoogleAuthError as error:
            if not deadline.remaining():
                raise ModelFailed(504, "the gateway had no credentials for its model in time") from None
            raise ModelFailed(502, f"the gateway has no credentials for its model ({type(error).__name__})") from None
        finally:
            self._lock.release()

    def forget(self, token: str) -> None:
        """It is not accepted, though it has not expired: the next request gets another."""
        with self._lock:
            if self._credentials.token == token:
                self._credentials.token = None


def _default_credentials() -> Any:
    import google.auth

    credentials, _ = google.auth.default(scopes=_SCOPES)
    return credentials


def _requests(deadline: Deadline) -> Any:
    """How google-auth asks for a token: within the deadline, if it sets no time of its own."""
    import google.auth.transport.urllib3
    import urllib3

    request = google.auth.transport.urllib3.Request(urllib3.PoolManager())
    return partial(request, timeout=deadline.remaining())
