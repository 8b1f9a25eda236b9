"""The cache key: what tells two requests apart on each cloud.

Path, keyed query parameters, keyed headers, keyed cookies. Never the host, the protocol or the method. Two things
differ between the clouds: Media CDN sorts query parameters, CloudFront keeps their order ("always list parameters in
the same order", QueryStringParameters.html); and with compression CloudFront keys on what is left of Accept-Encoding
after normalizing it (cache-key-understand-cache-policy.html), while Media CDN goes by the answer's Vary.
"""

import hashlib
import json
from collections.abc import Mapping
from urllib.parse import unquote_plus

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.policy import CachePolicy, QueryMode


def cache_key(policy: CachePolicy, cloud: Cloud, path: str, query: str, headers: Mapping[str, str]) -> str:
    """The key of a GET or HEAD, as a digest: nothing of the request can be read from it.

    ``path`` and ``query`` are as they stand on the wire, percent-encoded; header names are lower-case.
    """
    parameters = keyed_parameters(policy, query)
    if cloud is Cloud.GCP:
        # Stable, by name alone: the order of one parameter's values may mean something to the origin.
        parameters = sorted(parameters, key=_name)
    parts = (
        path,
        parameters,
        [(name, headers.get(name)) for name in policy.key.headers],
        keyed_cookies(policy, headers.get("cookie", "")),
        normalized_encodings(policy, cloud, headers.get("accept-encoding", "")),
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def keyed_parameters(policy: CachePolicy, query: str) -> list[str]:
    """The parameters of ``query`` that count, in their order, each as it stands on the wire.

    Names are compared decoded: an origin reads ``te%78t`` as ``text``, so the key must too.
    """
    parameters = [parameter for parameter in query.split("&") if parameter]
    key = policy.key
    if key.query_only is not None:
        return [parameter for parameter in parameters if _name(parameter) in key.query_only]
    if key.query_except is not None:
        return [parameter for parameter in parameters if _name(parameter) not in key.query_except]
    return parameters if key.query == QueryMode.ALL else []


def keyed_cookies(policy: CachePolicy, cookie: str) -> list[str]:
    """The cookies that count, as ``name=value``, sorted."""
    cookies = [pair.strip() for pair in cookie.split(";")]
    return sorted(pair for pair in cookies if pair.partition("=")[0] in policy.key.cookies)


def normalized_encodings(policy: CachePolicy, cloud: Cloud, accept_encoding: str) -> str:
    """What CloudFront makes of Accept-Encoding for the key and the origin: ``br,gzip``, one of them, or nothing."""
    if cloud is not Cloud.AWS or not policy.compression:
        return ""
    offers = (offer.replace(" ", "").lower().partition(";q=") for offer in accept_encoding.split(","))
    accepted = {coding for coding, _, weight in offers if weight.strip("0.") or not weight}
    return ",".join(coding for coding in ("br", "gzip") if coding in accepted)


def _name(parameter: str) -> str:
    return unquote_plus(parameter.partition("=")[0])
