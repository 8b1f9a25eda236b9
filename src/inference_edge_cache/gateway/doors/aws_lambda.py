"""The front door on AWS: the handler of a Lambda function URL, payload format 2.0, buffered.

Python's managed runtime cannot stream (docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html), so
an event stream is answered when it is complete. Shapes of events and answers:
docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads.
"""

import base64
import json
import re
from typing import Any

from inference_edge_cache.gateway.answers import NO_STORE, problem, refusal, without_body
from inference_edge_cache.gateway.assembly import DeployedGateway, deployed
from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.doors import not_set_up
from inference_edge_cache.gateway.logs import RequestLog
from inference_edge_cache.gateway.messages import Deadline, HeaderLines, Request, Response
from inference_edge_cache.gateway.status import refused

MAX_PAYLOAD = 6 * 1024 * 1024
"""Bytes of an answer in JSON (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

MARGIN = 1.0
"""Seconds that are kept back to answer with a problem before Lambda ends the invocation."""

_TOO_LARGE = "answer-too-large"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

Answer = dict[str, Any]


def handler(event: Any, context: Any) -> Answer:
    """What Lambda calls. Never raises for what is in ``event``."""
    request = request_from(event)
    if request is None:
        response = refusal(400, "this is no request to a function URL, payload format 2.0")
        return _whole(RequestLog().begin("", "").answered(response), "")
    try:
        gateway = deployed()
    except GatewayConfigError as error:
        response = RequestLog().begin(request.method, request.path).answered(not_set_up(error))
        return _whole(response, request.method)
    entry = gateway.log.begin(request.method, request.path)
    left = context.get_remaining_time_in_millis() / 1000 - MARGIN
    response = gateway.handle(request, Deadline.after(min(gateway.timeout, left)))
    answer = payload(response, request.method)
    if answer is None:
        response = _instead(gateway, request, response)
        answer = _whole(response, request.method)
    entry.answered(response)
    return answer


def request_from(event: Any) -> Request | None:
    """The request in an event; ``None`` when it is no event of a function URL.

    A function URL hands the path over as it was sent, percent-encoding included (an HTTP API, whose events look the
    same, decodes it: middleapi/standard-server#93). Several lines of one header come as one, with commas; cookies come
    apart from the headers.
    """
    try:
        headers = tuple((name.lower(), value) for name, value in event["headers"].items())
        if event.get("cookies"):
            headers = (*headers, ("cookie", "; ".join(event["cookies"])))
        request = Request(
            method=event["requestContext"]["http"]["method"],
            path=event["rawPath"],
            query=event.get("rawQueryString", ""),
            headers=headers,
            body=_body(event),
        )
        return request if event["version"] == "2.0" and _is_sound(request) else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _body(event: dict[str, Any]) -> bytes:
    body = event.get("body") or ""
    return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") is True else body.encode("utf-8")


def _is_sound(request: Request) -> bool:
    """Whether every part is a text that can stand in a request. Who invokes the function directly can send anything."""
    texts = (request.path, request.query, *(value for _, value in request.headers))
    return (
        all(isinstance(text, str) for text in texts)
        and _TOKEN.fullmatch(request.method) is not None
        and request.path.startswith("/")
        and all(_TOKEN.fullmatch(name) for name, _ in request.headers)
        and not any(set(text) & {"\r", "\n", "\0"} for text in texts)
    )


def payload(response: Response, method: str) -> Answer | None:
    """``response`` as Lambda takes it; ``None`` when that is more than it takes.

    The body is text where it can be, and base64 otherwise, or where its escapes make it longer. The runtime escapes
    non-ASCII characters up to Python 3.11, so they are counted as escapes.
    """
    if method == "HEAD":
        response = without_body(response)
    shapes = (_as_text(response, method), _as_base64(response, method))
    return next((shape for shape in shapes if shape is not None and len(json.dumps(shape)) <= MAX_PAYLOAD), None)


def _whole(response: Response, method: str) -> Answer:
    answer = payload(response, method)
    assert answer  # an answer of the gateway itself is small
    return answer


def _as_text(response: Response, method: str) -> Answer | None:
    try:
        body = response.body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return {**_head(response, method), "body": body, "isBase64Encoded": False}


def _as_base64(response: Response, method: str) -> Answer:
    return {**_head(response, method), "body": base64.b64encode(response.body).decode("ascii"), "isBase64Encoded": True}


def _head(response: Response, method: str) -> Answer:
    """Status, headers and cookies. Lambda counts a body by itself; of a HEAD it cannot know the length that is meant.

    A header that Lambda has renamed before, as those of a model behind another AWS service may be, is a 500 when it
    comes back (zenn.dev/ashphy/scraps/5d70402729657f).
    """
    headers, cookies = dict[str, str](), list[str]()
    for name, value in response.headers:
        if name == "set-cookie":
            cookies.append(value)
        elif not (name.startswith("x-amzn-remapped-") or (name == "content-length" and method != "HEAD")):
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return {"statusCode": response.status, "headers": headers, "cookies": cookies}


def _instead(gateway: DeployedGateway, request: Request, response: Response) -> Response:
    """What is answered in place of a response that is too large for Lambda: where else it lies.

    A POST becomes a GET by 303, a GET stays one by 302 (RFC 9110 sections 15.4.4 and 15.4.3). Where the CDN would ask
    this function again, a redirect would never end.
    """
    path = response.stored_at
    if path is None or not gateway.in_the_bucket_of_the_cdn(path):
        return problem(502, "the answer is larger than a Lambda function can give", refused(_TOO_LARGE))
    said = f'{response.header("cache-status")};detail="{_TOO_LARGE}"'
    headers: HeaderLines = (("location", path), NO_STORE, ("cache-status", said))
    return Response(status=303 if request.method == "POST" else 302, headers=headers)
