"""A model of Amazon Bedrock.

The operations: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html, and
API_runtime_Converse.html beside it.
"""

from typing import Any, Literal
from urllib.parse import quote

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.messages import Deadline
from inference_edge_cache.gateway.model import ModelAnswer, ModelRequest
from inference_edge_cache.gateway.models.aws import AwsService, refused

# InvokeModel's own (API_runtime_InvokeModel.html). Converse is JSON, says the rest in its body, and has none.
_INVOKE_HEADERS = frozenset({"accept", "content-type"}) | {
    "x-amzn-bedrock-" + name
    for name in (
        *("guardrailidentifier", "guardrailversion", "performanceconfig-latency", "request-metadata"),
        *("service-tier", "trace"),
    )
}


class BedrockModel:
    """Sends the body of each request to one model: ``api="invoke"`` in the model's form, ``"converse"`` in Bedrock's.

    The body goes as it is, byte for byte. Path and query of a request are the gateway's own and are not sent. The
    streaming operations are not used: ConverseStream and InvokeModelWithResponseStream are requests of their own, not
    fields of a body, and answer in events of AWS's own format.

    Answers: the model's own; see ``refused`` for errors. Needs ``bedrock:InvokeModel``, and botocore; requests are
    signed, also where a Bedrock API key is configured. ``model_id`` may be an ARN; ``session`` is one of botocore.
    Raises ``GatewayConfigError``.
    """

    def __init__(
        self,
        model_id: str,
        *,
        api: Literal["invoke", "converse"],
        region: str | None = None,
        endpoint_url: str | None = None,
        session: Any = None,
    ) -> None:
        if not model_id:
            raise GatewayConfigError("model_id is empty")
        if api not in ("invoke", "converse"):
            raise GatewayConfigError('api must be "invoke" or "converse"')
        self._path = f"/model/{quote(model_id, safe='')}/{api}"
        self._forwarded = _INVOKE_HEADERS if api == "invoke" else frozenset[str]()
        self._service = AwsService("bedrock-runtime", region, endpoint_url, session)

    def answer(self, request: ModelRequest, deadline: Deadline) -> ModelAnswer:
        headers = {"content-type": "application/json", "accept": "application/json"}
        headers |= {name: value for name, value in request.headers if name in self._forwarded}
        answer = self._service.post(self._path, tuple(headers.items()), request.body, deadline)
        return answer if answer.status == 200 else refused(answer)
