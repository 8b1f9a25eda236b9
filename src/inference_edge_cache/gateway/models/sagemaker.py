"""A model on a SageMaker endpoint.

The operations: docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html, and
API_runtime_InvokeEndpointWithResponseStream.html beside it.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.messages import Deadline, HeaderLines
from inference_edge_cache.gateway.model import ModelAnswer, ModelFailed, ModelRequest
from inference_edge_cache.gateway.models.aws import AwsService, refused
from inference_edge_cache.gateway.models.chunks import chunks_of
from inference_edge_cache.gateway.models.problem import problem
from inference_edge_cache.gateway.models.streaming import asks_for_stream

_PREFIX = "x-amzn-sagemaker-"

# The request headers of both operations, and those that InvokeEndpointWithResponseStream lacks.
_OF_BOTH = frozenset(
    _PREFIX + name
    for name in (
        *("custom-attributes", "inference-component", "inference-id", "prefix-aware-id", "session-id"),
        "target-variant",
    )
)
_NOT_STREAMED = frozenset(
    _PREFIX + name for name in ("enable-explanations", "target-container-hostname", "target-model")
)


class SageMakerModel:
    """Sends the body of each request to one endpoint, and a body with ``"stream": true`` to its streaming operation.

    ``target_model``, ``target_variant`` and ``inference_component`` choose within the endpoint, and go in place of
    the caller's headers for that (``x-amzn-sagemaker-*``). Path and query of a request are the gateway's own and are
    not sent. SageMaker gives a container 60 seconds and a body 6 MiB.

    Answers: the container's own, also when it is an error (``OriginalStatusCode``, ``OriginalMessage``); see
    ``refused`` for SageMaker's. Needs ``sagemaker:InvokeEndpoint``, and botocore. ``session`` is one of botocore.
    Raises ``GatewayConfigError``.
    """

    def __init__(
        self,
        endpoint_name: str,
        *,
        target_model: str | None = None,
        target_variant: str | None = None,
        inference_component: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        session: Any = None,
    ) -> None:
        if not endpoint_name:
            raise GatewayConfigError("endpoint_name is empty")
        self._path = f"/endpoints/{quote(endpoint_name, safe='')}/invocations"
        chosen = {
            "target-model": target_model,
            "target-variant": target_variant,
            "inference-component": inference_component,
        }
        self._chosen = {_PREFIX + name: value for name, value in chosen.items() if value is not None}
        self._service = AwsService("sagemaker-runtime", region, endpoint_url, session)

    def answer(self, request: ModelRequest, deadline: Deadline) -> ModelAnswer:
        streams = asks_for_stream(request.body)
        given = _one_line_each(request.headers)
        headers = {name: value for name, value in given.items() if name in _OF_BOTH | _NOT_STREAMED} | self._chosen
        if streams and (unavailable := sorted(headers.keys() & _NOT_STREAMED)):
            return problem(400, f"SageMaker does not stream together with {', '.join(unavailable)}")
        headers["content-type"] = given.get("content-type", "application/json")
        if not streams:
            headers["accept"] = given.get("accept", "application/json")
            answer = self._service.post(self._path, tuple(headers.items()), request.body, deadline)
            return answer if answer.status == 200 else refused(answer)
        headers[_PREFIX + "accept"] = given.get("accept", "text/event-stream")
        answer = self._service.post(f"{self._path}-response-stream", tuple(headers.items()), request.body, deadline)
        return _unwrapped(answer) if answer.status == 200 else refused(answer)


def _one_line_each(headers: HeaderLines) -> dict[str, str]:
    """RFC 9110 section 5.3."""
    lines = dict[str, str]()
    for name, value in headers:
        lines[name] = f"{lines[name]}, {value}" if name in lines else value
    return lines


def _unwrapped(answer: ModelAnswer) -> ModelAnswer:
    """What the container streams, without the event stream that SageMaker wraps it in."""
    content_type = next((value for name, value in answer.headers if name == _PREFIX + "content-type"), None)
    headers = tuple(line for line in answer.headers if line[0] not in ("content-type", _PREFIX + "content-type"))
    if content_type is not None:
        headers = (("content-type", content_type), *headers)
    return ModelAnswer(answer.status, headers, chunks_of(_parts(answer.chunks), answer.chunks.close))


def _parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The payload parts of an event stream (smithy.io/2.0/aws/amazon-eventstream.html).

    It has no last event: its end is that of the HTTP body, and must not fall within an event.
    """
    from botocore.eventstream import EventStreamBuffer, ParserError

    events: Any = EventStreamBuffer()
    unread = 0
    for chunk in chunks:
        events.add_data(chunk)
        unread += len(chunk)
        try:
            for event in events:
                unread -= event.prelude.total_length
                if event.headers.get(":event-type") != "PayloadPart":
                    raise ModelFailed(502, f"the model broke its stream off{_why(event.headers)}")
                if event.payload:
                    yield event.payload
        except ParserError as error:
            raise ModelFailed(502, f"the model's stream is damaged ({type(error).__name__})") from None
    if unread:
        raise ModelFailed(502, "the model's stream ended within an event")


def _why(headers: dict[str, Any]) -> str:
    name = headers.get(":exception-type")
    return f" ({name})" if name in ("ModelStreamError", "InternalStreamFailure") else ""
