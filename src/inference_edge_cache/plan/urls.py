"""Origin URLs: ``https://host[:port][/path]`` taken apart, or what is wrong with it."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from inference_edge_cache.errors import Problem

_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class OriginUrl:
    """The parts of an origin's URL. ``path`` is empty or starts with a slash and does not end in one."""

    scheme: str
    host: str
    port: int
    path: str


def parse_origin_url(url: str, path: str, *, allow_http: bool) -> OriginUrl | Problem:
    """``url`` taken apart, or the first thing that is wrong with it. ``path`` is where it was given."""
    example = 'write it as in "https://model.example.com"'
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return Problem.at(path, url, f"is not a URL: {error}", example)
    if parts.username is not None or parts.password is not None:
        # The value is not shown: it holds a password.
        return Problem(path, "<hidden>", "holds a user name or password", "send credentials with origin.headers")
    if parts.scheme not in _DEFAULT_PORTS:
        return Problem.at(path, url, "must start with https://", example)
    if parts.scheme == "http" and not allow_http:
        prefix = path.rpartition(".")[0]
        return Problem.at(
            path,
            url,
            "is plain http: answers and secret headers could be read on the way",
            f"use https, or set {prefix}.allow_http",
        )
    host = parts.hostname or ""
    if not _is_host(host):
        return Problem.at(path, url, "names no host that a cloud could reach", example)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        return Problem.at(path, url, "has a query or fragment", "leave out everything from ? or # on")
    if re.search(r"[\s*\\]", parts.path):
        return Problem.at(path, url, "has a space, * or \\ in its path", "percent-encode it")
    return OriginUrl(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], parts.path.rstrip("/"))


def _is_host(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return len(host) <= 253 and "." in host.rstrip(".") and _HOST_NAME.fullmatch(host) is not None
    return address.is_global
