"""JSON as I-JSON (RFC 7493): what two parsers could read in two ways is refused, with a reason.

A parser that takes the last of two equal keys, or rounds ``9007199254740993``, sees another request than the model
behind it. Everything here is one pass over the document, and no document makes it raise anything but ``RefusedJson``.
"""

import json
import math
import re
from array import array
from collections.abc import Callable
from itertools import accumulate
from typing import Any, NoReturn

from inference_edge_cache.protocol.outcomes import BypassReason

MAX_DEPTH = 256
"""Objects and arrays inside one another. Parsers recurse; RFC 8259 section 9 leaves the limit to them."""

MAX_SAFE_INTEGER = 2**53 - 1
"""RFC 7493 section 2.2: beyond it, parsers that read numbers as doubles merge neighbours."""

_SAFE_DIGITS = 16  # of the largest safe integer
_WHITESPACE = " \t\n\r"  # RFC 8259 section 2; str.strip() alone would take more
_ESCAPED_CHARACTER = re.compile(r"\\u")  # as a search faster than ``in``
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_ALL_BYTES = bytes(range(256))
_NOT_AN_OPENING = _ALL_BYTES.translate(None, b"[{")
_NOT_IN_SKELETON = _ALL_BYTES.translate(None, b'"\\/bfnrtu[]{}')
_NEITHER_BRACKET_NOR_QUOTE = _ALL_BYTES.translate(None, b'"[]{}')
_STEP_OF_BRACKET = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed bytes: 1, 1, -1, -1


class RefusedJson(Exception):
    """The document is not one that every parser reads alike."""

    def __init__(self, reason: BypassReason) -> None:
        self.reason = reason
        super().__init__(reason)


def read(body: bytes, max_bytes: int) -> tuple[str, bool]:
    """``body`` as text that is safe to parse: not too large, UTF-8 without a byte order mark, not too deep.

    And whether it is plain: ASCII that can be printed, and no character spelled ``\\uXXXX``.
    """
    if len(body) > max_bytes:
        raise RefusedJson(BypassReason.TOO_LARGE)
    if body.startswith(_BYTE_ORDER_MARK):  # RFC 8259 section 8.1: must not be added, may be ignored or refused
        raise RefusedJson(BypassReason.BYTE_ORDER_MARK)
    if depth(body) > MAX_DEPTH:
        raise RefusedJson(BypassReason.TOO_DEEP)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise RefusedJson(BypassReason.NOT_UTF8) from None
    return text, text.isascii() and "\x7f" not in text and _ESCAPED_CHARACTER.search(text) is None


def depth(body: bytes) -> int:
    """How deep brackets are nested, or an upper bound of it that is at most ``MAX_DEPTH``.

    Up to the first syntax error a parser goes exactly as deep as this, so that it can be trusted with the body. Each
    step is one pass in C: keep quotes, brackets, and whatever can follow a backslash; drop escaped backslashes, then
    escaped quotes, then all but quotes and brackets. Every second piece between quotes is then outside of strings.
    """
    openings = len(body.translate(None, _NOT_AN_OPENING))
    if openings <= MAX_DEPTH:
        return openings
    skeleton = body.translate(None, _NOT_IN_SKELETON)
    unescaped = skeleton.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = b"".join(unescaped.translate(None, _NEITHER_BRACKET_NOR_QUOTE).split(b'"')[::2])
    return max(accumulate(array("b", outside.translate(_STEP_OF_BRACKET))), default=0)


def parse(text: str, decoder: json.JSONDecoder) -> Any:
    """The value that ``text`` stands for; ``RefusedJson`` if there is none, or more than one."""
    text = text.strip(_WHITESPACE)
    try:
        value, end = decoder.raw_decode(text)
    except json.JSONDecodeError:
        raise RefusedJson(BypassReason.NOT_JSON) from None
    if end != len(text):
        raise RefusedJson(BypassReason.TRAILING_DATA)
    return value


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different, compared after their escapes are read (RFC 7493 section 2.3)."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RefusedJson(BypassReason.DUPLICATE_KEY)
    return members


def safe_integer(literal: str) -> int:
    """The integer that ``literal`` stands for. The length comes first: ``int`` is not linear in it."""
    if len(literal) < _SAFE_DIGITS:
        return int(literal)
    if len(literal) > _SAFE_DIGITS + 1 or abs(value := int(literal)) > MAX_SAFE_INTEGER:
        raise RefusedJson(BypassReason.INTEGER_RANGE)
    return value


def finite_float(literal: str) -> float:
    """The double that ``literal`` stands for; neither infinite nor 0 where the literal is not."""
    value = float(literal)
    if abs(value) == math.inf or (not value and literal.lower().partition("e")[0].strip("-.0")):
        raise RefusedJson(BypassReason.NUMBER_RANGE)
    return value


def no_constant(literal: str) -> NoReturn:
    """``NaN``, ``Infinity`` and ``-Infinity``, which Python reads and JSON has not (RFC 8259 section 6)."""
    raise RefusedJson(BypassReason.NOT_A_NUMBER)


def strict_decoder(
    members: Callable[[list[tuple[str, Any]]], dict[str, Any]] = unique,
    number: Callable[[str], Any] = finite_float,
) -> json.JSONDecoder:
    """A decoder that raises ``RefusedJson``. ``number`` reads what has a fraction or an exponent."""
    return json.JSONDecoder(
        object_pairs_hook=members, parse_float=number, parse_int=safe_integer, parse_constant=no_constant
    )
