"""An edge cache in front of an AI-inference endpoint: one Pulumi component for CloudFront and Media CDN.

Importing this package loads neither pulumi nor pydantic; each public name is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference_edge_cache.args import (
        Access,
        AwsArgs,
        BedrockApi,
        BedrockArgs,
        BucketAccess,
        BucketArgs,
        CorsArgs,
        CustomDomainArgs,
        FailoverArgs,
        FrontDoor,
        GatewayArgs,
        GcpArgs,
        GeoArgs,
        InferenceEdgeCacheArgs,
        LoggingArgs,
        OriginArgs,
        PriceClass,
        RouteArgs,
        RouteTarget,
        SageMakerArgs,
        VertexArgs,
        VertexMethod,
    )
    from inference_edge_cache.capabilities import Cloud
    from inference_edge_cache.component import InferenceEdgeCache
    from inference_edge_cache.errors import (
        EdgeCacheError,
        InvalidArgsError,
        MissingExtraError,
        PolicyFileError,
        Problem,
    )
    from inference_edge_cache.policy import (
        INFERENCE_PRESETS,
        PRESETS,
        CacheKey,
        CacheMode,
        CachePolicy,
        Determinism,
        Dialect,
        InferencePolicy,
        InferencePreset,
        Preset,
        QueryMode,
        dump_policy,
        load_policy,
        parse_policy,
    )

__version__ = "0.1.0"

_MODULES = {
    "args": (
        "Access",
        "AwsArgs",
        "BedrockApi",
        "BedrockArgs",
        "BucketAccess",
        "BucketArgs",
        "CorsArgs",
        "CustomDomainArgs",
        "FailoverArgs",
        "FrontDoor",
        "GatewayArgs",
        "GcpArgs",
        "GeoArgs",
        "InferenceEdgeCacheArgs",
        "LoggingArgs",
        "OriginArgs",
        "PriceClass",
        "RouteArgs",
        "RouteTarget",
        "SageMakerArgs",
        "VertexArgs",
        "VertexMethod",
    ),
    "capabilities": ("Cloud",),
    "component": ("InferenceEdgeCache",),
    "errors": ("EdgeCacheError", "InvalidArgsError", "MissingExtraError", "PolicyFileError", "Problem"),
    "policy": (
        "INFERENCE_PRESETS",
        "PRESETS",
        "CacheKey",
        "CacheMode",
        "CachePolicy",
        "Determinism",
        "Dialect",
        "InferencePolicy",
        "InferencePreset",
        "Preset",
        "QueryMode",
        "dump_policy",
        "load_policy",
        "parse_policy",
    ),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "INFERENCE_PRESETS",
    "PRESETS",
    "Access",
    "AwsArgs",
    "BedrockApi",
    "BedrockArgs",
    "BucketAccess",
    "BucketArgs",
    "CacheKey",
    "CacheMode",
    "CachePolicy",
    "Cloud",
    "CorsArgs",
    "CustomDomainArgs",
    "Determinism",
    "Dialect",
    "EdgeCacheError",
    "FailoverArgs",
    "FrontDoor",
    "GatewayArgs",
    "GcpArgs",
    "GeoArgs",
    "InferenceEdgeCache",
    "InferenceEdgeCacheArgs",
    "InferencePolicy",
    "InferencePreset",
    "InvalidArgsError",
    "LoggingArgs",
    "MissingExtraError",
    "OriginArgs",
    "PolicyFileError",
    "Preset",
    "PriceClass",
    "Problem",
    "QueryMode",
    "RouteArgs",
    "RouteTarget",
    "SageMakerArgs",
    "VertexArgs",
    "VertexMethod",
    "dump_policy",
    "load_policy",
    "parse_policy",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
