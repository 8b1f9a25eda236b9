"""A model behind any HTTPS endpoint: an OpenAI-compatible server, a hosted API."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.messages import Deadline, HeaderLines
from inference_edge_cache.gateway.model import ModelAnswer, ModelRequest
from inference_edge_cache.gateway.models.transport import (
    CONNECT_TIMEOUT,
    Transport,
    sendable_headers,
    with_defaults,
)

# RFC 9110 section 5.6.2; section 5.5, without the control characters.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class HttpsModel:
    """Sends each request to ``url`` followed by the request's path, its query joined to that of ``url``.

    ``headers`` are the gateway's own, a credential above all, and go in place of the caller's of the same name. A
    request without ``content-type`` is sent as JSON, one without ``accept`` accepts JSON and event streams.

    Every answer is relayed with its status, a redirect included. See ``Transport`` for connections, and for
    ``connect_timeout`` and ``allow_http``. Raises ``GatewayConfigError``.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        allow_http: bool = False,
    ) -> None:
        self._transport = Transport(url, connect_timeout=connect_timeout, allow_http=allow_http)
        self._headers = _checked(headers)

    def answer(self, request: ModelRequest, deadline: Deadline) -> ModelAnswer:
        own = {name for name, _ in self._headers}
        headers = with_defaults(
            (*self._headers, *(line for line in sendable_headers(request.headers) if line[0] not in own)),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        )
        target = self._transport.path + request.path
        query = "&".join(filter(None, (self._transport.query, request.query)))
        return self._transport.ask(
            request.method, f"{target}?{query}" if query else target, headers, request.body, deadline
        )


def _checked(headers: Mapping[str, str]) -> HeaderLines:
    """Names in lower case. The errors name a header, never its value."""
    lines = tuple((name.lower(), value) for name, value in headers.items())
    for name, value in lines:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise GatewayConfigError(f"headers: {name!r} is not a header that can be sent")
        if name not in ("host", "user-agent") and not sendable_headers(((name, value),)):
            raise GatewayConfigError(f"headers: {name} is the connection's own and cannot be set")
    return lines
