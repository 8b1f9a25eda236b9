"""Which inputs there are, and of which type: Pulumi takes any name and any value that an override holds.

A field is camelCase as the state shows it. ``priority``, ``actions`` and ``flexShieldingRegions`` are texts, and not a
number or lists, as the provider flattens what can be there once.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from recorded import Rule

from gcp_rules.graph import KEYSET, ORIGIN, SERVICE, Graph

_HEADER = {"headerName": str, "headerValue": str, "replace": bool}
_REMOVED = {"headerName": str}
_KEY = {
    "includeProtocol": bool,
    "excludeHost": bool,
    "excludeQueryString": bool,
    "includedQueryParameters": [str],
    "excludedQueryParameters": [str],
    "includedHeaderNames": [str],
    "includedCookieNames": [str],
}
_CDN_POLICY = {
    "cacheMode": str,
    "clientTtl": str,
    "defaultTtl": str,
    "maxTtl": str,
    "cacheKeyPolicy": _KEY,
    "negativeCaching": bool,
    "negativeCachingPolicy": {...: str},
    "signedRequestMode": str,
    "signedRequestKeyset": str,
    "signedRequestMaximumExpirationTtl": str,
    "signedTokenOptions": {"tokenQueryParameter": str, "allowedSignatureAlgorithms": [str]},
    "addSignatures": {
        "actions": str,
        "keyset": str,
        "tokenTtl": str,
        "tokenQueryParameter": str,
        "copiedParameters": [str],
    },
}
_CORS = {
    "maxAge": str,
    "allowCredentials": bool,
    "allowOrigins": [str],
    "allowMethods": [str],
    "allowHeaders": [str],
    "exposeHeaders": [str],
    "disabled": bool,
}
_MATCH = {
    "fullPathMatch": str,
    "prefixMatch": str,
    "pathTemplateMatch": str,
    "ignoreCase": bool,
    "headerMatches": [
        {
            "headerName": str,
            "exactMatch": str,
            "prefixMatch": str,
            "suffixMatch": str,
            "presentMatch": bool,
            "invertMatch": bool,
        }
    ],
    "queryParameterMatches": [{"name": str, "exactMatch": str, "presentMatch": bool}],
}
_RULE = {
    "priority": str,
    "description": str,
    "matchRules": [_MATCH],
    "origin": str,
    "urlRedirect": {
        "hostRedirect": str,
        "pathRedirect": str,
        "prefixRedirect": str,
        "redirectResponseCode": str,
        "httpsRedirect": bool,
        "stripQuery": bool,
    },
    "routeMethods": {"allowedMethods": [str]},
    "headerAction": {
        "requestHeaderToAdds": [_HEADER],
        "requestHeaderToRemoves": [_REMOVED],
        "responseHeaderToAdds": [_HEADER],
        "responseHeaderToRemoves": [_REMOVED],
    },
    "routeAction": {
        "cdnPolicy": _CDN_POLICY,
        "compressionMode": str,
        "corsPolicy": _CORS,
        "urlRewrite": {"pathPrefixRewrite": str, "hostRewrite": str, "pathTemplateRewrite": str},
    },
}
_COMMON = {"name": str, "project": str, "description": str, "labels": {...: str}, "deletionPolicy": str}

FIELDS: Mapping[str, Mapping[str, Any]] = {
    SERVICE: {
        **_COMMON,
        "disableHttp2": bool,
        "disableQuic": bool,
        "edgeSecurityPolicy": str,
        "edgeSslCertificates": [str],
        "logConfig": {"enable": bool, "sampleRate": float},
        "requireTls": bool,
        "sslPolicy": str,
        "routing": {
            "hostRules": [{"hosts": [str], "pathMatcher": str, "description": str}],
            "pathMatchers": [{"name": str, "description": str, "routeRules": [_RULE]}],
        },
    },
    ORIGIN: {
        **_COMMON,
        "originAddress": str,
        "protocol": str,
        "port": int,
        "maxAttempts": int,
        "failoverOrigin": str,
        "retryConditions": [str],
        "timeout": {"connectTimeout": str, "maxAttemptsTimeout": str, "responseTimeout": str, "readTimeout": str},
        "awsV4Authentication": {"accessKeyId": str, "originRegion": str, "secretAccessKeyVersion": str},
        "originOverrideAction": {
            "headerAction": {"requestHeadersToAdds": [_HEADER]},
            "urlRewrite": {"hostRewrite": str},
        },
        "originRedirect": {"redirectConditions": [str]},
        "flexShielding": {"flexShieldingRegions": str},
    },
    KEYSET: {
        **_COMMON,
        "publicKeys": [{"id": str, "value": str, "managed": bool}],
        "validationSharedKeys": [{"secretVersion": str}],
    },
}
"""By type. A list has one element, which all of its items are like; ``...`` stands for any key."""


def fields_are_those_of_the_provider(graph: Graph) -> Iterator[str]:
    """Names and types, all the way down. MM EdgeCacheService, EdgeCacheOrigin, EdgeCacheKeyset."""
    for kind, shape in FIELDS.items():
        for one in graph.of(kind):
            yield from (f"{one.name}: {wrong}" for wrong in _unlike(one.inputs, shape, ""))


def _unlike(value: Any, shape: Any, path: str) -> Iterator[str]:
    if isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{path} is no list"
        else:
            for index, item in enumerate(value):
                yield from _unlike(item, shape[0], f"{path}[{index}]")
    elif isinstance(shape, Mapping):
        if not isinstance(value, Mapping):
            yield f"{path} is no object"
        else:
            for key, item in value.items():
                known = shape.get(key, shape.get(...))
                yield from [f"{path}.{key} is unknown"] if known is None else _unlike(item, known, f"{path}.{key}")
    elif not _is(value, shape):
        yield f"{path} is no {shape.__name__}"


def _is(value: Any, type_: type) -> bool:
    """A whole number is a float too, and a bool is no number."""
    if type_ is bool or isinstance(value, bool):
        return type_ is bool and isinstance(value, bool)
    return isinstance(value, int | float if type_ is float else type_)


RULES: tuple[Rule, ...] = (fields_are_those_of_the_provider,)
