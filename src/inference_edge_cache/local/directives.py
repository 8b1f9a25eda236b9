"""Cache-Control, as both clouds read it (RFC 9111 section 5.2)."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_DIRECTIVE = re.compile(r'([!#$%&\'*+\-.^_`|~0-9A-Za-z]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*))?')


def directives(cache_control: str | None) -> dict[str, str]:
    """The directives of a Cache-Control header, lower-cased, with their argument or an empty string.

    Of a directive that stands twice the first one counts (RFC 9111 section 4.2.1).
    """
    found: dict[str, str] = {}
    for match in _DIRECTIVE.finditer(cache_control or ""):
        found.setdefault(match[1].lower(), (match[2] or "").strip('"'))
    return found


def explicit_age(headers: Mapping[str, str]) -> tuple[int, str] | None:
    """How long the origin says a shared cache may keep an answer, and where it says so.

    ``s-maxage`` beats ``max-age`` beats ``Expires`` (RFC 9111 section 4.2.1; both clouds). ``Expires`` counts from
    the ``Date`` header; one that is no date has passed (RFC 9111 section 5.3). None when the origin does not say.
    """
    said = directives(headers.get("cache-control"))
    for name in ("s-maxage", "max-age"):
        if said.get(name, "").isdecimal():
            return int(said[name]), f"{name}={int(said[name])}"
    if "expires" in headers:
        expires, date = _seconds(headers["expires"]), _seconds(headers.get("date", ""))
        age = 0 if expires is None or date is None else max(0, expires - date)
        return age, "Expires"
    return None


def refuses_storage(headers: Mapping[str, str]) -> str | None:
    """The directive by which the origin asks shared caches not to keep the answer, if any.

    ``no-cache="Set-Cookie"`` is about that header alone, which no cache here keeps.
    """
    said = directives(headers.get("cache-control"))
    for name in ("no-store", "private", "no-cache"):
        if name in said and not (name == "no-cache" and said[name].strip().lower() == "set-cookie"):
            return name
    return None


def _seconds(date: str) -> int | None:
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, OverflowError):
        return None
