"""Conditional requests against an answer at hand (RFC 9110 section 13)."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def not_modified(request: Mapping[str, str], response: Mapping[str, str]) -> bool:
    """Whether the caller already has this answer. If-None-Match, where sent, decides alone (section 13.2.2)."""
    wanted = request.get("if-none-match")
    if wanted is not None:
        etag = response.get("etag")
        return etag is not None and (wanted.strip() == "*" or _opaque(etag) in map(_opaque, wanted.split(",")))
    try:
        since = parsedate_to_datetime(request["if-modified-since"])
        return parsedate_to_datetime(response["last-modified"]) <= since
    except (KeyError, ValueError, TypeError):
        return False


def _opaque(etag: str) -> str:
    """The tag without its weakness flag: If-None-Match compares weakly (section 8.8.3.2)."""
    return etag.strip().removeprefix("W/")
