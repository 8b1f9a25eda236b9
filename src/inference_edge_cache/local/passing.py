"""The uncached path: a request as it is, its answer as it is."""

from starlette.requests import Request

from inference_edge_cache.local.answers import Streamed, dated, raw_body
from inference_edge_cache.local.forward import answered_headers, passed_headers
from inference_edge_cache.local.origin import Origin
from inference_edge_cache.local.status import marks
from inference_edge_cache.local.wire import has_body, headers_of, path_of, query_of


async def pass_through(origin: Origin, request: Request, why: str, detail: str, read: bytes | None = None) -> Streamed:
    """The origin's answer. ``why`` and ``detail`` say in Cache-Status why it is not kept.

    ``read`` is the request's body where it has been read, else it is streamed. Raises ``OriginFailed``.
    """
    target = origin.target(path_of(request), query_of(request))
    body = request.stream() if read is None and has_body(request) else read
    with origin.failures(why):
        upstream = await origin.ask(request.method, target, passed_headers(headers_of(request)), body)
    headers = [*dated(answered_headers(upstream.headers)), *marks("Miss", why, detail)]
    return Streamed(upstream.status_code, headers, raw_body(upstream), upstream)
