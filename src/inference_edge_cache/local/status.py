"""What an answer says of itself: X-Cache, as the clouds send it, and Cache-Status (RFC 9211)."""

import hishel

from inference_edge_cache.local.forward import Pairs
from inference_edge_cache.local.freshness import Freshness
from inference_edge_cache.local.store import Settled, Unfound


def marks(tier: str, status: str, detail: str = "") -> Pairs:
    """X-Cache, and Cache-Status (RFC 9211) with ``status``, its parameters, and ``detail`` as a quoted string."""
    text = detail.encode("ascii", "replace").decode().replace("\\", "").replace('"', "'")
    parts = ["local-edge", status, f'detail="{text}"' if detail else ""]
    return [("x-cache", f"{tier} from local edge"), ("cache-status", "; ".join(filter(None, parts)))]


def why_asked(found: Unfound) -> str:
    """Why the edge asks the origin, as a Cache-Status parameter."""
    return "fwd=stale" if isinstance(found, hishel.NeedRevalidation) else "fwd=uri-miss"


def what_became(found: Unfound, settled: Settled, freshness: Freshness) -> str:
    """Why the edge asked the origin and what it does with the answer, as Cache-Status parameters."""
    kept = f"stored; ttl={freshness.seconds}" if isinstance(settled, hishel.StoreAndUse) else "ttl=0"
    return f"{why_asked(found)}; {kept}"
