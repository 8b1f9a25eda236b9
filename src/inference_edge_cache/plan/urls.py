"""Origin URLs: ``https://host[:port][/path]`` taken apart, or what is wrong with it."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from inference_edge_cache.errors import Problem, show

_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})+")
_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()+,;=:@/-]|%[0-9A-Fa-f]{2})*")  # RFC 3986 section 3.3, but for *
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
    # What stands before an @ or after a ? may be a password or a key.
    shown = "<hidden>" if set("@?#") & set(url) else show(path, url)

    def wrong(limit: str, remedy: str = example) -> Problem:
        return Problem(path, shown, limit, remedy)

    if re.search(r"[\s\x00-\x1f\x7f]", url):
        return wrong("has white space in it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return wrong("is not a URL")
    if parts.username is not None or parts.password is not None:
        return wrong("holds a user name or password", "send credentials with origin.headers")
    if parts.scheme not in _DEFAULT_PORTS:
        return wrong("must start with https://")
    if parts.scheme == "http" and not allow_http:
        prefix = path.rpartition(".")[0]
        return wrong(
            "is plain http: answers and secret headers could be read on the way",
            f"use https, or set {prefix}.allow_http",
        )
    host = parts.hostname or ""
    if not _is_host(host) or port == 0:
        return wrong("names no host and port that a cloud could reach")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        return wrong("has a query or fragment", "leave out everything from ? or # on")
    if not _PATH.fullmatch(parts.path) or re.search(r"//|/\.{1,2}(/|$)", parts.path):
        return wrong("has a path that is not percent-encoded, or that has //, . or .. in it", "tidy the path up")
    return OriginUrl(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], parts.path.rstrip("/"))


def _is_host(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return len(host) <= 253 and _HOST_NAME.fullmatch(host) is not None
    return address.is_global
