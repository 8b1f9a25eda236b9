"""The inference protocol, version 1: how an inference request becomes a key, and a GET that a CDN caches.

Pure functions over bytes and text: no I/O, no clock, no state. Nothing here raises for what a request contains: one
that cannot be keyed exactly is a ``Bypass`` with a reason, a forged or malformed cacheable form is a ``Rejected``.
"""

from inference_edge_cache.protocol.canonical import canonicalize
from inference_edge_cache.protocol.dialects import request_storable
from inference_edge_cache.protocol.discovery import (
    DISCOVERY_PATH,
    Access,
    EdgeConfig,
    RouteConfig,
    parse_edge_config,
)
from inference_edge_cache.protocol.errors import (
    DiscoveryError,
    KeyMaterialError,
    PathError,
    ProtocolError,
    RulesError,
    VersionRefusedError,
)
from inference_edge_cache.protocol.generation import OriginIdentity, effective_generation
from inference_edge_cache.protocol.keys import (
    PUBLIC_API_KEY,
    PUBLIC_KEY,
    PUBLIC_SCOPE,
    ApiKey,
    api_key_of_scope,
    derive_api_key,
    parse_api_key,
    scope_of,
    verify_api_key,
)
from inference_edge_cache.protocol.outcomes import Bypass, BypassReason, Rejected, RejectedReason
from inference_edge_cache.protocol.paths import InferencePath, generation_prefix, inference_path, parse_path
from inference_edge_cache.protocol.payload import PAYLOAD_BUDGET, decode_payload, encode_payload, verify
from inference_edge_cache.protocol.preimage import (
    Headers,
    Preimage,
    build_preimage,
    parse_preimage,
    request_bypass,
    request_key,
)
from inference_edge_cache.protocol.rules import PAYLOAD_HEADER, PROTOCOL_VERSION, Determinism, RouteRules
from inference_edge_cache.protocol.storable import preimage_storable, storable_request

__all__ = [
    "DISCOVERY_PATH",
    "PAYLOAD_BUDGET",
    "PAYLOAD_HEADER",
    "PROTOCOL_VERSION",
    "PUBLIC_API_KEY",
    "PUBLIC_KEY",
    "PUBLIC_SCOPE",
    "Access",
    "ApiKey",
    "Bypass",
    "BypassReason",
    "Determinism",
    "DiscoveryError",
    "EdgeConfig",
    "Headers",
    "InferencePath",
    "KeyMaterialError",
    "OriginIdentity",
    "PathError",
    "Preimage",
    "ProtocolError",
    "Rejected",
    "RejectedReason",
    "RouteConfig",
    "RouteRules",
    "RulesError",
    "VersionRefusedError",
    "api_key_of_scope",
    "build_preimage",
    "canonicalize",
    "decode_payload",
    "derive_api_key",
    "effective_generation",
    "encode_payload",
    "generation_prefix",
    "inference_path",
    "parse_api_key",
    "parse_edge_config",
    "parse_path",
    "parse_preimage",
    "preimage_storable",
    "request_bypass",
    "request_key",
    "request_storable",
    "scope_of",
    "storable_request",
    "verify",
    "verify_api_key",
]
