"""The local edge: a small HTTP cache on loopback that obeys a cache policy as the chosen cloud would.

Needs the extra: ``pip install "inference-edge-cache[local]"``.
"""

from inference_edge_cache.errors import MissingExtraError

try:
    from inference_edge_cache.inference_rules import InferenceRoute
    from inference_edge_cache.local.edge import edge_app
    from inference_edge_cache.local.errors import LocalEdgeError
    from inference_edge_cache.local.freshness import Freshness, edge_ttl
    from inference_edge_cache.local.server import LocalEdge
except ImportError as error:
    if (error.name or "").partition(".")[0] not in {
        "anyio",
        "anysqlite",
        "filelock",
        "hishel",
        "httpx",
        "starlette",
        "urllib3",
        "uvicorn",
    }:
        raise
    raise MissingExtraError("local", "The local edge") from error

__all__ = ["Freshness", "InferenceRoute", "LocalEdge", "LocalEdgeError", "edge_app", "edge_ttl"]
