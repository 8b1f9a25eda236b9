"""The front doors on Google Cloud: a Cloud Run service with uvicorn, or a function of the Functions Framework.

::

    python -m inference_edge_cache.gateway.doors.cloud_run          # the service, on $PORT
    from inference_edge_cache.gateway.doors.cloud_run import handle  # in main.py, for the function

Both relay event streams as they come. Give an instance a concurrency of many requests: one that waits for the model
costs a thread and nothing else, and the fewer instances, the more callers share one answer.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inference_edge_cache.gateway.assembly import DeployedGateway, deployed
from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.doors import Handles, not_set_up, too_large
from inference_edge_cache.gateway.doors.asgi import gateway_asgi
from inference_edge_cache.gateway.logs import RequestLog
from inference_edge_cache.gateway.messages import Deadline, Request, Response

if TYPE_CHECKING:
    from werkzeug.wrappers import Request as WsgiRequest
    from werkzeug.wrappers import Response as WsgiResponse

MAX_WHOLE_BYTES = 31 * 1024 * 1024
"""A response of 32 MiB is Cloud Run's limit, headers included, unless it is chunked (cloud.google.com/run/quotas)."""

_PIECE = 1024 * 1024


def main() -> None:
    """Serve the gateway on ``$PORT``, of all addresses (cloud.google.com/run/docs/container-contract)."""
    try:
        import uvicorn

        gateway = deployed()
    except GatewayConfigError as error:
        sys.exit(f"{error}")
    except ImportError as error:
        sys.exit(f"the gateway's service needs {error.name}, which is not installed")
    app = gateway_asgi(
        _Chunking(gateway),
        timeout=gateway.timeout,
        max_body_bytes=gateway.max_body_bytes,
        refused=gateway.refused,
        log=gateway.log,
    )
    # No access log: a path is a capability for one answer.
    host, port = "0.0.0.0", int(os.environ.get("PORT", "8080"))  # noqa: S104
    uvicorn.run(app, host=host, port=port, access_log=False, server_header=False, log_level="warning")


def handle(request: "WsgiRequest") -> "WsgiResponse":
    """The function's entry point: a Flask request in, a response out.

    The path is taken from ``RAW_URI``, as gunicorn hands it over; WSGI's own ``PATH_INFO`` is decoded.
    """
    from werkzeug.wrappers import Response as Answer

    path, _, query = request.environ["RAW_URI"].partition("?")
    try:
        gateway = deployed()
    except GatewayConfigError as error:
        response = RequestLog().begin(request.method, path).answered(not_set_up(error))
    else:
        entry = gateway.log.begin(request.method, path)
        response = entry.answered(_answer(gateway, request, _request(request, path, query)))
    # A list, since of a single body werkzeug would count the length, and say 0 of a HEAD.
    content = [response.body] if response.chunks is None else response.chunks
    return Answer(content, response.status, list(response.headers), direct_passthrough=response.chunks is not None)


def _answer(gateway: DeployedGateway, request: "WsgiRequest", asked: Request) -> Response:
    """Everybody may call the function, so its memory is for the bodies of those who are let in."""
    refused = gateway.refused(asked)
    if refused is not None:
        return refused
    body = request.stream.read(gateway.max_body_bytes + 1)
    if len(body) > gateway.max_body_bytes:
        return too_large(gateway.max_body_bytes)
    return _Chunking(gateway).handle(replace(asked, body=body), Deadline.after(gateway.timeout), live=True)


def _request(request: "WsgiRequest", path: str, query: str) -> Request:
    headers = tuple((name.lower(), value) for name, value in request.headers.items())
    return Request(method=request.method, path=path, query=query, headers=headers, body=b"")


@dataclass(frozen=True)
class _Chunking:
    """A gateway whose large answers are sent in chunks."""

    gateway: Handles

    def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response:
        response = self.gateway.handle(request, deadline, live=live)
        if len(response.body) <= MAX_WHOLE_BYTES:
            return response
        headers = tuple(line for line in response.headers if line[0] != "content-length")
        return replace(response, headers=headers, body=b"", chunks=_pieces(response.body))


def _pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]


if __name__ == "__main__":
    main()
