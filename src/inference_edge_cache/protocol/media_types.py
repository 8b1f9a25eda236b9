"""What a request's own headers say of its body and of the answer that it takes: whether both can be JSON.

What cannot be read is not guessed at: it counts as something other than JSON. Matching is linear in the text.
"""

import re

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"  # RFC 9110 section 5.6.2
_QUOTED = r'"(?:[\t !#-\[\]-~]|\\[\t -~])*+"'  # section 5.6.4, in ASCII
_PARAMETER = rf"({_WORD})=({_WORD}|{_QUOTED})"  # section 5.6.6
_MEDIA_TYPE = re.compile(rf"({_WORD})/({_WORD})((?:[ \t]*+;[ \t]*+(?:{_PARAMETER})?+)*+)")  # section 8.3.1
_PARAMETERS = re.compile(_PARAMETER)
_BETWEEN = re.compile(r"[ \t]*+(?:,[ \t,]*+|\Z)")  # section 5.6.1.2: a recipient takes empty list elements, too
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")  # section 12.4.2

_MediaType = tuple[str, dict[str, list[str]]]
"""``type/subtype`` and the values of each parameter, by name; names in lower case."""


def is_json(content_type: str, *, keyed: bool = False) -> bool:
    """Whether a ``Content-Type`` says JSON in UTF-8 (RFC 8259 sections 8.1 and 11), and nothing else.

    With ``keyed``, the header is in the key: then it may say more, ``application/vnd.example.v2+json; profile=a``.
    """
    content_type = content_type.strip(" \t")
    found = _media_type(content_type, 0)
    if found is None or found[1] != len(content_type):
        return False
    (name, parameters), _ = found
    if not keyed:
        return name == "application/json" and _is_plain(parameters)
    kind, _, subtype = name.partition("/")
    is_named_json = kind == "application" and (subtype == "json" or subtype.endswith("+json"))  # RFC 6839 section 3.1
    return is_named_json and all(value.lower() == "utf-8" for value in parameters.get("charset", []))


def is_identity(content_encoding: str) -> bool:
    """Whether a ``Content-Encoding`` names no coding, or ``identity`` (RFC 9110 section 8.4.1)."""
    return all(coding.strip(" \t").lower() in ("", "identity") for coding in content_encoding.split(","))


def admits_json_or_sse(accept: str) -> bool:
    """Whether an ``Accept`` admits ``application/json`` or ``text/event-stream`` (RFC 9110 section 12.5.1).

    Of the ranges that match, the most specific one counts. One with parameters (``application/json;verbose=1``) is
    about another representation than the one without.
    """
    weights = _weights(accept)
    if weights is None:
        return False
    return any(
        next((weights[name] for name in ranges if name in weights), 0) > 0
        for ranges in (("application/json", "application/*", "*/*"), ("text/event-stream", "text/*", "*/*"))
    )


def _weights(accept: str) -> dict[str, float] | None:
    """The weight of each range that has no parameters; ``None`` when one range cannot be read."""
    weights: dict[str, float] = {}
    at = len(accept) - len(accept.lstrip(" \t,"))
    while at < len(accept):
        found = _media_type(accept, at)
        end = found and _BETWEEN.match(accept, found[1])
        if not found or not end:
            return None
        (name, parameters), at = found[0], end.end()
        weight = ", ".join(parameters.pop("q", ["1"]))
        if _WEIGHT.fullmatch(weight) is None or (name.startswith("*/") and name != "*/*"):
            return None
        if _is_plain(parameters):
            weights[name] = max(float(weight), weights.get(name, 0))
    return weights


def _is_plain(parameters: dict[str, list[str]]) -> bool:
    """Whether parameters say only what is so in any case: RFC 8259 has no charset but UTF-8."""
    return parameters.keys() <= {"charset"} and all(v.lower() == "utf-8" for v in parameters.get("charset", []))


def _media_type(text: str, at: int) -> tuple[_MediaType, int] | None:
    """The media type that stands at ``at``, and where it ends."""
    match = _MEDIA_TYPE.match(text, at)
    if match is None:
        return None
    parameters: dict[str, list[str]] = {}
    for name, value in _PARAMETERS.findall(match[3]):
        unquoted = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        parameters.setdefault(name.lower(), []).append(unquoted)
    return (f"{match[1]}/{match[2]}".lower(), parameters), match.end()
