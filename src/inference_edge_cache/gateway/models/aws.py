"""An AWS service, asked with one signed HTTP request.

botocore finds the endpoint and the credentials and makes the signature; the request goes through ``Transport``. A
client of boto3 would send it too, but its timeouts are set once, for all requests, and bound each read, not the whole.
"""

import json
import re
import threading
from typing import Any

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.messages import Deadline, HeaderLines
from inference_edge_cache.gateway.model import ModelAnswer, ModelFailed
from inference_edge_cache.gateway.models.chunks import beginning
from inference_edge_cache.gateway.models.problem import in_place, problem
from inference_edge_cache.gateway.models.transport import Transport

# Errors of both services by name, since some come with status 400 whatever they are:
# docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html#API_runtime_InvokeEndpoint_Errors,
# .../CommonErrors.html, docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html.
_STATUS = {
    "ModelNotReadyException": 429,
    "ServiceQuotaExceededException": 429,
    "ServiceUnavailable": 503,
    "ServiceUnavailableException": 503,
    "Throttling": 429,
    "ThrottlingException": 429,
    "TooManyRequestsException": 429,
    "ValidationError": 400,
    "ValidationException": 400,
}
_NOT_ALLOWED = {
    *("AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature"),
    *(
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
    ),
    *("MissingAuthenticationTokenException", "NotAuthorized", "OptInRequired", "RequestExpired"),
    *("SignatureDoesNotMatch", "UnrecognizedClientException"),
}
_TOO_LATE = {"ModelTimeoutException"}
_FROM_THE_MODEL = {"ModelError", "ModelErrorException"}

# More than a whole answer of SageMaker, which it wraps an error of the container in.
_ERROR_BYTES = 8 * 1024 * 1024
_ERROR_NAME = re.compile(r"[A-Za-z]{1,64}")
_OPERATORS_OWN = re.compile(r"[0-9]{12}|arn:")


class AwsService:
    """``service`` as botocore calls it, in ``region`` or the one that AWS's own configuration names.

    ``endpoint_url`` is for a VPC endpoint, and for tests. Credentials are found as every AWS SDK finds them, and
    renewed when they expire; what that takes is not bounded by a deadline. Raises ``GatewayConfigError``.
    """

    def __init__(self, service: str, region: str | None, endpoint_url: str | None, session: Any) -> None:
        import botocore
        import botocore.session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        self._session = session or botocore.session.get_session()
        try:  # only to be asked where the service is: no credentials are looked for yet
            client = self._session.create_client(
                service,
                region_name=region,
                endpoint_url=endpoint_url,
                config=Config(signature_version=botocore.UNSIGNED),
            )
        except (BotoCoreError, ValueError) as error:
            raise GatewayConfigError(f"AWS names no endpoint of {service} ({type(error).__name__})") from None
        self._region, self._signing_name = client.meta.region_name, client.meta.service_model.signing_name
        self._endpoint = client.meta.endpoint_url.rstrip("/")
        self._transport = Transport(self._endpoint, named="endpoint_url")
        self._lock = threading.Lock()

    def post(self, path: str, headers: HeaderLines, body: bytes, deadline: Deadline) -> ModelAnswer:
        """What the service answers, whatever its status. ``path`` is percent-encoded. Raises ``ModelFailed``."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest("POST", self._endpoint + path, headers=dict(headers), data=body)
        SigV4Auth(self._credentials(), self._signing_name, self._region).add_auth(request)
        signed = tuple((name.lower(), value) for name, value in request.headers.items())
        return self._transport.ask("POST", self._transport.path + path, signed, body, deadline)

    def _credentials(self) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            with self._lock:  # a session is not made for several threads, credentials are
                credentials = self._session.get_credentials()
            if credentials is not None:
                return credentials.get_frozen_credentials()
        except (BotoCoreError, ClientError) as error:
            raise ModelFailed(502, f"the gateway's AWS credentials cannot be had ({type(error).__name__})") from None
        raise ModelFailed(502, "the gateway has no AWS credentials")


def refused(answer: ModelAnswer) -> ModelAnswer:
    """What a caller is told when the service answered with an error.

    An error of the model itself is relayed with the model's own status and body. What the caller can act on
    (throttling, a request that is not valid) stays what it is, as a problem document. What only the operator can mend,
    permissions above all, is ``ModelFailed``.
    """
    told = dict(answer.headers)
    fields = _fields(beginning(answer.chunks, _ERROR_BYTES))
    name = _name(told.get("x-amzn-errortype") or fields.get("code") or fields.get("__type"))
    said = name or f"status {answer.status}"
    if name in _FROM_THE_MODEL:
        return _from_the_model(fields)
    if name in _NOT_ALLOWED or (name not in _STATUS and answer.status in (401, 403)):
        raise ModelFailed(502, f"the gateway may not call its model ({said})")
    if name in _TOO_LATE or answer.status in (408, 504):
        raise ModelFailed(504, f"the model did not answer in time ({said})")
    status = _STATUS.get(name, answer.status)
    if status == 404:  # the caller named a route of the gateway, and that is there
        raise ModelFailed(502, f"the gateway's model is not there ({said})")
    if not 400 <= status < 500 and status != 503:
        raise ModelFailed(502, f"the model's service failed ({said})")
    return problem(status, _detail(said, status, fields), told.get("retry-after"))


def _fields(body: bytes) -> dict[str, Any]:
    """With names in lower case: services write ``Message`` and ``message``."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return {name.lower(): value for name, value in document.items()} if isinstance(document, dict) else {}


def _name(text: Any) -> str:
    """An error's name without what some services add: ``aws.protocols#Name:http://...`` (smithy.io, AWS restJson1)."""
    name = text.partition(":")[0].rpartition("#")[2] if isinstance(text, str) else ""
    return name if _ERROR_NAME.fullmatch(name) else ""


def _detail(said: str, status: int, fields: dict[str, Any]) -> str:
    """With the service's own words where they are about the request: not where they name an account or a resource."""
    detail, message = f"the model's service refused the request ({said})", fields.get("message")
    shown = status == 400 and isinstance(message, str) and not _OPERATORS_OWN.search(message)
    return f"{detail}: {message}" if shown else detail


def _from_the_model(fields: dict[str, Any]) -> ModelAnswer:
    """SageMaker hands on what the container said; Bedrock its status alone.

    ``API_runtime_InvokeEndpoint.html``: ``OriginalStatusCode``, ``OriginalMessage``. The status is no HTTP status where
    the container did not answer.
    """
    status, body = fields.get("originalstatuscode"), fields.get("originalmessage")
    if not isinstance(status, int) or not 400 <= status < 600:
        late = "timed out" in str(fields.get("message")) or "timed out" in str(body)
        raise ModelFailed(504 if late else 502, "the model did not answer" + (" in time" if late else ""))
    if not isinstance(body, str):
        return problem(status, "the model refused the request" if status < 500 else "the model failed")
    content_type = "application/json" if _is_json(body) else "text/plain; charset=utf-8"
    return in_place(status, content_type, body.encode("utf-8", "replace"))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
