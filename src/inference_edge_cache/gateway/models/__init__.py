"""The models that a gateway can ask: one file per kind. Importing this loads none of them, and no cloud's SDK."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.model import Model

__all__ = ["model_from"]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_headers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for item in value.items() for text in item)


@dataclass(frozen=True)
class _Kind:
    """A class of this package, and what it is made from: name, and whether a value may stand there."""

    module: str
    model: str
    required: Mapping[str, Callable[[Any], bool]]
    optional: Mapping[str, Callable[[Any], bool]]


_KINDS = {
    "https": _Kind(
        "https",
        "HttpsModel",
        {"url": _is_text},
        {"headers": _is_headers, "connect_timeout": _is_seconds, "allow_http": _is_switch},
    ),
    "sagemaker": _Kind(
        "sagemaker",
        "SageMakerModel",
        {"endpoint_name": _is_text},
        dict.fromkeys(("target_model", "target_variant", "inference_component", "region", "endpoint_url"), _is_text),
    ),
    "bedrock": _Kind(
        "bedrock",
        "BedrockModel",
        {"model_id": _is_text, "api": _is_text},
        {"region": _is_text, "endpoint_url": _is_text},
    ),
    "vertex": _Kind(
        "vertex",
        "VertexModel",
        dict.fromkeys(("endpoint", "project", "location", "method"), _is_text),
        {"base_url": _is_text},
    ),
}


def model_from(spec: str | Mapping[str, Any]) -> Model:
    """The model that ``spec`` describes: an object, or its JSON, with one member, named after the kind of model.

    ``{"https": {"url": "https://api.example.com", "headers": {"authorization": "Bearer ..."}}}``,
    ``{"sagemaker": {"endpoint_name": "llm"}}``, ``{"bedrock": {"model_id": "...", "api": "converse"}}``,
    ``{"vertex": {"endpoint": "123", "project": "p", "location": "us-central1", "method": "rawPredict"}}``: the
    arguments of the class by their names. Raises ``GatewayConfigError``, which names a member, never its value, and
    ``ImportError`` when what the kind needs is not installed.
    """
    document = _document(spec) if isinstance(spec, str) else spec
    if not isinstance(document, Mapping) or len(document) != 1:
        raise GatewayConfigError(f"a model is an object with one member: {', '.join(_KINDS)}")
    ((name, arguments),) = document.items()
    kind = _KINDS.get(name)
    if kind is None:
        raise GatewayConfigError(f"{name!r} is not a kind of model: {', '.join(_KINDS)}")
    if not isinstance(arguments, Mapping):
        raise GatewayConfigError(f"{name} must be an object")
    known = {**kind.required, **kind.optional}
    for key in [*kind.required, *arguments]:
        if key not in known:
            raise GatewayConfigError(f"{name}: {key!r} is not known. Known are {', '.join(known)}")
        if key not in arguments:
            raise GatewayConfigError(f"{name}: {key} is missing")
        if not known[key](arguments[key]):
            raise GatewayConfigError(f"{name}: {key} has a value of the wrong type")
    return getattr(import_module(f"{__name__}.{kind.module}"), kind.model)(**arguments)


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise GatewayConfigError("a model is described in JSON, and this is none") from None
