"""Who gave an answer, as its headers tell: what the transport marks each answer with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from http_sf import StructuredFieldError, parse

from inference_edge_cache.client.requests import whole_number

EXTENSION = "inference_edge_cache"
"""Where the mark is: ``response.extensions["inference_edge_cache"]``."""

Tier = Literal["edge", "bucket", "store", "model", "passed"]

Parameters = Mapping[str, Any]

_GATEWAY = "inference-edge-cache"
_HIT = re.compile(r"\b(?:refresh)?hit\b", re.IGNORECASE)


@dataclass(frozen=True)
class Served:
    """Who answered a request, and why nobody nearer did.

    ``tier``, from near to far:

    * ``edge``: the CDN, out of its cache; ``reason`` is the header that says so, or the status of its own error.
    * ``bucket``: the CDN, which read the stored answer from the results bucket.
    * ``store``: the gateway, out of its store.
    * ``model``: the model; ``reason`` is the gateway's word for why: ``uri-miss``.
    * ``passed``: whoever the request itself was sent to; ``reason`` says why it was sent, or why it was refused.
    """

    tier: Tier
    reason: str = ""


def served_by_path(status: int, headers: Mapping[str, str]) -> Served:
    """Who answered a GET of a path."""
    gateway, nearer = _caches(headers)
    if _HIT.search(headers.get("x-cache", "")):  # CloudFront: "Hit from cloudfront". Media CDN: "den;hit"
        return Served("edge", "x-cache")
    if any(cache.get("hit") is True for cache in nearer):
        return Served("edge", "cache-status")
    if whole_number(headers.get("age")):  # RFC 9111 section 5.1: from a cache, and the gateway sends none
        return Served("edge", "age")
    if gateway is not None:
        return _by_gateway(gateway)
    return Served("bucket") if status == 200 else Served("edge", str(status))


def served_by_post(headers: Mapping[str, str], why: str) -> Served:
    """Who answered a POST; no CDN keeps those. ``why`` it was sent goes with an answer that says nothing itself."""
    gateway = said_by_gateway(headers)
    return Served("passed", why) if gateway is None else _by_gateway(gateway)


def given_by_model(status: int, headers: Mapping[str, str]) -> bool:
    """Whether the model itself gave this answer, error or not: RFC 9211 section 2.3, ``fwd-status``."""
    gateway = said_by_gateway(headers)
    return gateway is not None and gateway.get("fwd-status") == status


def said_by_gateway(headers: Mapping[str, str]) -> Parameters | None:
    """What the gateway says in ``Cache-Status``; ``None`` where it says nothing."""
    gateway, _ = _caches(headers)
    return gateway


def _by_gateway(parameters: Parameters) -> Served:
    detail = str(parameters.get("detail", ""))
    if parameters.get("hit") is True:
        return Served("store")
    if "fwd" not in parameters:
        return Served("passed", detail)
    return Served("model", ": ".join(filter(None, (str(parameters["fwd"]), detail))))


def _caches(headers: Mapping[str, str]) -> tuple[Parameters | None, list[Parameters]]:
    """What the gateway says in ``Cache-Status``, and what the caches between it and the caller say.

    RFC 9211 section 2: a list, each cache with its parameters, the one nearest to the caller last.
    """
    try:
        members: Any = parse(headers.get("cache-status", "").encode("latin-1", "replace"), tltype="list")
    except StructuredFieldError:
        return None, []
    caches = [(str(member[0]), member[1]) for member in members if not isinstance(member[0], list)]
    ours = [index for index, (name, _) in enumerate(caches) if name == _GATEWAY]
    gateway = caches[ours[-1]][1] if ours else None
    return gateway, [parameters for _, parameters in caches[ours[-1] + 1 if ours else 0 :]]
