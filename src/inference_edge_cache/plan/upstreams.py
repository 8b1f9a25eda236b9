"""The model behind a gateway: what is given of it, and the identity that its answers' generation follows from."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pulumi

from inference_edge_cache import capabilities as caps
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import Problem
from inference_edge_cache.plan.checks.gateway import model_headers
from inference_edge_cache.plan.checks.headers import one_line
from inference_edge_cache.plan.checks.uses import Use
from inference_edge_cache.plan.draft import Draft
from inference_edge_cache.plan.model import (
    BedrockModelPlan,
    HttpsModelPlan,
    ModelPlan,
    SageMakerModelPlan,
    VertexModelPlan,
)
from inference_edge_cache.plan.urls import parse_origin_url
from inference_edge_cache.protocol import OriginIdentity

KINDS = ("url", "sagemaker", "bedrock", "vertex")

_OTHERS = {Cloud.AWS: "one of sagemaker and bedrock", Cloud.GCP: "vertex"}

_URL_ALONE = ("allow_http", "headers", "host_header", "connect_timeout", "read_timeout", "response_timeout", "attempts")
_OF_DIRECT_ROUTES = ("host_header", "read_timeout", "response_timeout", "attempts", "failover")

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
_ENDPOINT = r"[A-Za-z0-9](?:-*[A-Za-z0-9]){0,62}"
_ENDPOINT_ARN = re.compile(rf"arn:aws[a-z-]*:sagemaker:([a-z0-9-]+):[0-9]{{12}}:endpoint/({_ENDPOINT})")
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
_MODEL_ID = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,2}(?:[.:][A-Za-z0-9-]{1,63})*")
_MODEL_ARN = re.compile(
    r"arn:aws[a-z-]*:bedrock:([a-z0-9-]+):(?:[0-9]{12})?:"
    r"(foundation-model|provisioned-model|imported-model|custom-model-deployment|inference-profile"
    r"|application-inference-profile)/[A-Za-z0-9.:/-]+"
)
# cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/predict and, of publishers' models,
# projects.locations.publishers.models/predict. What the gateway itself takes.
_VERTEX = {
    "endpoint": (
        re.compile(r"[A-Za-z0-9_-]+|publishers/[A-Za-z0-9_-]+/models/[A-Za-z0-9._@-]+"),
        "is not the id of an endpoint of Vertex AI, or a publisher's model",
        'write it as in "1234567890" or "publishers/google/models/text-embedding-005"',
    ),
    "region": (
        re.compile(r"[a-z]+(-[a-z]+)+[0-9]+|global"),
        "is not a region of Google Cloud",
        'write it as in "us-central1"',
    ),
    "project": (
        re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*"),
        "is not the id of a project",
        'write it as in "my-project"',
    ),
    "domain": (
        re.compile(r"([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[a-z]+"),
        "is not the domain name of a dedicated endpoint",
        'write it as in "123.us-central1-456.prediction.vertexai.goog"',
    ),
}
GLOBAL = "global"
# https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html: a geography before the model.
_PROFILE_ID = re.compile(r"(?:us|us-gov|eu|apac|au|ca|jp|sa|global)\.[a-z0-9-]+\..+")


def check_kinds(draft: Draft, *, inference: bool, direct: bool) -> str | None:
    """Which of ``KINDS`` is given; None if not exactly one. ``inference`` and ``direct``: what routes there are."""
    given = draft.args.get("origin", {})
    kinds = [kind for kind in KINDS if kind in given]
    if "origin" not in draft.args:
        return None  # refused when it was read
    if not kinds:
        draft.problems.append(
            Problem("origin.url", "", "is required", f"add 'url' to origin, or {_OTHERS[draft.cloud]}")
        )
        return None
    if len(kinds) > 1:
        limit = "names more than one model"
        draft.problems.append(Problem("origin", ", ".join(kinds), limit, "keep one of them"))
        return None
    (kind,) = kinds
    if kind != "url":
        draft.uses.append(Use(f"origin.{kind}", f"origin.{kind}"))
        for key in (*_URL_ALONE, "failover"):
            if key in given:
                limit = f"belongs to a url, and means nothing to {kind}"
                draft.problems.append(Problem(f"origin.{key}", "", limit, "remove it"))
        if not inference:
            limit = "is reached by inference routes only, and there is none"
            remedy = 'give a route a preset, as in {"path": "/v1/embeddings", "preset": "embeddings"}'
            draft.problems.append(Problem(f"origin.{kind}", "", limit, remedy))
    elif inference and not direct:
        for key in _OF_DIRECT_ROUTES:
            if key in given:
                limit = "means nothing: no route reaches the endpoint past the gateway"
                remedy = "remove it; gateway.timeout bounds how long an answer takes"
                draft.problems.append(Problem(f"origin.{key}", "", limit, remedy))
    return kind


def plan_model(draft: Draft, kind: str, *, direct: bool) -> tuple[ModelPlan, OriginIdentity] | None:
    """The model, or None when what is given of it is wrong."""
    given = draft.args["origin"]
    plans: dict[str, Callable[[], tuple[ModelPlan, OriginIdentity] | None]] = {
        "url": lambda: _https(draft, given, direct),
        "sagemaker": lambda: _sagemaker(draft, given["sagemaker"]),
        "bedrock": lambda: _bedrock(draft, given["bedrock"]),
        "vertex": lambda: _vertex(draft, given["vertex"]),
    }
    return plans[kind]()


def _https(draft: Draft, given: Mapping[str, Any], direct: bool) -> tuple[ModelPlan, OriginIdentity] | None:
    url = given["url"]
    if isinstance(url, pulumi.Output):
        limit = "must be a plain value where there are inference routes: their generation follows from it"
        remedy = "pass a value known before the deployment, for example from pulumi.Config"
        draft.problems.append(Problem("origin.url", "<output>", limit, remedy))
        return None
    allow_http = bool(given.get("allow_http"))
    timeout = given.get("connect_timeout", caps.GATEWAY_CONNECT_TIMEOUT)
    headers = given.get("headers", {})
    if not direct:  # else the checks of the endpoint say so
        parsed = parse_origin_url(str(url), "origin.url", allow_http=allow_http)
        if isinstance(parsed, Problem):
            draft.problems.append(parsed)
            return None
        if "connect_timeout" in given:
            draft.uses.append(Use("origin.connect_timeout", "origin.connect_timeout", timeout, timeout))
        draft.problems.extend(model_headers(headers, "origin.headers"))

    def rule_at(where: str) -> Callable[[str], list[Problem]]:
        return lambda value: one_line(value, where)

    kept = tuple(
        (name, draft.late(value, rule_at(f'origin.headers["{name}"]')) if isinstance(value, pulumi.Output) else value)
        for name, value in sorted(headers.items())
    )
    return HttpsModelPlan(str(url), allow_http, timeout, kept), OriginIdentity(endpoint=str(url))


def _sagemaker(draft: Draft, given: Mapping[str, Any]) -> tuple[ModelPlan, OriginIdentity] | None:
    if "endpoint_name" not in given:
        return None
    name = given["endpoint_name"]
    arn = _ENDPOINT_ARN.fullmatch(name)
    if arn is None and not re.fullmatch(_ENDPOINT, name):
        limit = "is not the name or the ARN of a SageMaker endpoint"
        draft.problems.append(
            Problem.at("origin.sagemaker.endpoint_name", name, limit, 'write it as in "e5-small", without a region')
        )
        return None
    chosen = {key: given.get(key) for key in ("target_model", "target_variant", "inference_component")}
    wrong = [key for key, value in chosen.items() if value is not None and not re.fullmatch(r"[\x21-\x7e]+", value)]
    draft.problems.extend(
        Problem.at(f"origin.sagemaker.{key}", chosen[key], "must be visible characters, without spaces", "correct it")
        for key in wrong
    )
    if wrong:
        return None
    model = SageMakerModelPlan(
        endpoint_name=arn[2] if arn else name, arn=name if arn else None, region=arn[1] if arn else None, **chosen
    )
    component = f"#{chosen['inference_component']}" if chosen["inference_component"] else ""
    return model, OriginIdentity(
        endpoint=f"sagemaker:{name}{component}",
        model=chosen["target_model"] or "",
        variant=chosen["target_variant"] or "",
    )


def _bedrock(draft: Draft, given: Mapping[str, Any]) -> tuple[ModelPlan, OriginIdentity] | None:
    if not {"model_id", "api"} <= given.keys():
        return None
    name = given["model_id"]
    arn = _MODEL_ARN.fullmatch(name)
    if arn is None and not _MODEL_ID.fullmatch(name):
        limit = "is not the id or ARN of a model of Amazon Bedrock, or of an inference profile"
        remedy = 'write it as in "amazon.titan-embed-text-v2:0"'
        draft.problems.append(Problem.at("origin.bedrock.model_id", name, limit, remedy))
        return None
    profile = arn[2].endswith("inference-profile") if arn else _PROFILE_ID.fullmatch(name) is not None
    model = BedrockModelPlan(name, given["api"].value, region=arn[1] if arn else None, profile=profile)
    return model, OriginIdentity(endpoint="bedrock", model=name, variant=given["api"].value)


def _vertex(draft: Draft, given: Mapping[str, Any]) -> tuple[ModelPlan, OriginIdentity] | None:
    if not {"endpoint", "region", "method"} <= given.keys():
        return None
    wrong = [key for key, (shape, _, _) in _VERTEX.items() if key in given and not shape.fullmatch(given[key])]
    draft.problems.extend(Problem.at(f"origin.vertex.{key}", given[key], *_VERTEX[key][1:]) for key in wrong)
    if wrong:
        return None
    chosen = {key: given.get(key) for key in ("project", "domain")}
    model = VertexModelPlan(given["endpoint"], given["region"], given["method"].value, **chosen)
    if model.region == GLOBAL and not model.is_publishers:
        limit = "is where publishers' models are, and no endpoint"
        draft.problems.append(Problem.at("origin.vertex.region", GLOBAL, limit, 'write it as in "us-central1"'))
        return None
    if model.domain is not None and model.is_publishers:
        limit = "belongs to a dedicated endpoint, and means nothing to a publisher's model"
        draft.problems.append(Problem("origin.vertex.domain", model.domain, limit, "remove it"))
        return None
    where = f"{model.project or ''}/{model.region}"
    return model, OriginIdentity(endpoint=f"vertex:{where}", model=model.endpoint, variant=model.method)
