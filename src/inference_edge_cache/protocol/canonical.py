"""One form for every body that means the same to the model, and a different one for every body that may not.

The form is RFC 8785 (JSON Canonicalization Scheme) of the body without the ignored top-level fields. Property order,
whitespace, escapes and the spelling of numbers do not count; everything else does: case, whitespace inside strings,
Unicode normalization, the order of arrays, an absent field against ``null``. No text is normalized: two prompts that
differ in case can be two programs, and a model sees the difference.

Python's own encoder writes RFC 8785 for most documents, much faster than a Python implementation can. It differs in two
places, and documents that touch them are written by the reference package instead:

* keys: RFC 8785 section 3.2.3 sorts by UTF-16 code unit, Python by code point. Equal but for keys beyond U+FFFF.
* floats: section 3.2.2.3 writes them as ECMAScript does. Equal where Python needs no exponent and there is a fraction.
"""

import json
from typing import Any

import rfc8785

from inference_edge_cache.protocol.outcomes import Bypass, BypassReason
from inference_edge_cache.protocol.rules import RouteRules
from inference_edge_cache.protocol.strict_json import (
    MAX_SAFE_INTEGER,
    RefusedJson,
    finite_float,
    parse,
    read,
    strict_decoder,
    unique,
)

_LEAST_FIXED, _LEAST_SCIENTIFIC = 1e-4, 1e16  # between them Python writes a float without an exponent
_LEAST_EXPONENT = 1e21  # from here on RFC 8785 writes integers with one


def canonicalize(body: bytes, rules: RouteRules) -> bytes | Bypass:
    """The canonical form of ``body``, or why it has none. Never raises, whatever the bytes; linear in their number.

    With ``rules.keep_number_types`` a number written with a fraction or an exponent stays apart from an integer: where
    RFC 8785 would write it as an integer, it ends in ``.0``. So ``1.0``, ``1e0`` and ``10e-1`` are all ``1.0``, and
    ``-0.0`` keeps its sign. The result is JSON in any case, its own canonical form, and what the model is sent.
    """
    written = _written_form(body, rules, parsed=False)
    return written if isinstance(written, Bypass) else written[0]


def canonical_and_document(body: bytes, rules: RouteRules) -> tuple[bytes, Any] | Bypass:
    """The canonical form, and what is read out of it: equal forms have equal documents, but for the order of members.

    For who needs both: a body of megabytes is parsed once.
    """
    return _written_form(body, rules, parsed=True)


def _written_form(body: bytes, rules: RouteRules, *, parsed: bool) -> tuple[bytes, Any] | Bypass:
    try:
        canonical, document = _canonical(body, rules, parsed=parsed)
        # 1e15 has four characters and sixteen digits; a form must be able to pass for a body.
        return (canonical, document) if len(canonical) <= rules.max_body_bytes else Bypass(BypassReason.TOO_LARGE)
    except RefusedJson as refused:
        return Bypass(refused.reason)
    except (UnicodeEncodeError, rfc8785.CanonicalizationError):
        # RFC 8785 section 3.2.2.2. All else that could be wrong was refused before: only a lone surrogate has no UTF-8.
        return Bypass(BypassReason.LONE_SURROGATE)
    except RecursionError:  # the caller left less than MAX_DEPTH of the stack
        return Bypass(BypassReason.TOO_DEEP)


def _canonical(body: bytes, rules: RouteRules, *, parsed: bool) -> tuple[bytes, Any]:
    text, plain = read(body, rules.max_body_bytes)
    decoder, encoder = (_PLAIN[rules.keep_number_types], _ASCII) if plain else (_ANY[rules.keep_number_types], _UTF8)
    try:
        document = _keyed(parse(text, decoder), rules)
        return encoder.encode(document).encode("utf-8"), document
    except _WrittenDifferently:
        document = _keyed(parse(text, _EXACT[rules.keep_number_types]), rules)
        canonical = _with_number_types(document) if rules.keep_number_types else rfc8785.dumps(document)
        # Here 1.0 is still a float, and the integer 1 in the form.
        return canonical, json.loads(canonical) if parsed else None


def _keyed(document: Any, rules: RouteRules) -> Any:
    """``document`` without the ignored fields, which must be as sound as the rest."""
    if not isinstance(document, dict):
        if rules.require_object:
            raise RefusedJson(BypassReason.NOT_AN_OBJECT)
        return document
    ignored = {name: document.pop(name) for name in rules.ignored_fields if name in document}
    if ignored:
        _UTF8.encode(ignored).encode("utf-8")
    return document


class _WrittenDifferently(Exception):
    """Python writes something in this document in another way than RFC 8785 says."""


def _members_in_order(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = unique(pairs)
    names = "".join(members)
    if not names.isascii() and max(names) > "\uffff":
        raise _WrittenDifferently
    return members


def _double(literal: str) -> float:
    """A float whose canonical form is read back as it is: no integer beyond the safe ones comes of it."""
    value = finite_float(literal)
    if MAX_SAFE_INTEGER < abs(value) < _LEAST_EXPONENT:
        raise RefusedJson(BypassReason.INTEGER_RANGE)
    return value


def _number(literal: str) -> int | float:
    """A number that Python writes as RFC 8785 does: ``1.0`` becomes ``1``, and ``-0.0`` becomes ``0``."""
    value = _double(literal)
    if abs(value) <= MAX_SAFE_INTEGER and value.is_integer():
        return int(value)
    if _LEAST_FIXED <= abs(value) <= MAX_SAFE_INTEGER:
        return value
    raise _WrittenDifferently


def _typed_number(literal: str) -> float:
    value = finite_float(literal)
    if value == 0 or _LEAST_FIXED <= abs(value) < _LEAST_SCIENTIFIC:
        return value
    raise _WrittenDifferently


def _with_number_types(value: Any) -> bytes:
    """RFC 8785, but a float that it would write as an integer ends in ``.0``."""
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return b"{%b}" % b",".join(_written(name) + b":" + _with_number_types(item) for name, item in members)
    if isinstance(value, list):
        return b"[%b]" % b",".join(map(_with_number_types, value))
    if not isinstance(value, float):
        return _written(value)
    if value == 0 or _LEAST_FIXED <= abs(value) < _LEAST_SCIENTIFIC:
        return repr(value).encode("ascii")
    written = rfc8785.dumps(value)
    return written if b"e" in written or b"." in written else written + b".0"


def _written(scalar: str | int | None) -> bytes:
    return _UTF8.encode(scalar).encode("utf-8")


# By keep_number_types.
_PLAIN = {False: strict_decoder(unique, _number), True: strict_decoder(unique, _typed_number)}
_ANY = {False: strict_decoder(_members_in_order, _number), True: strict_decoder(_members_in_order, _typed_number)}
_EXACT = {False: strict_decoder(unique, _double), True: strict_decoder(unique, finite_float)}


def _encoder(*, ensure_ascii: bool) -> json.JSONEncoder:
    return json.JSONEncoder(
        ensure_ascii=ensure_ascii, sort_keys=True, separators=(",", ":"), check_circular=False, allow_nan=False
    )


# Plain text both write alike, the first twice as fast where there are escapes.
_ASCII = _encoder(ensure_ascii=True)
_UTF8 = _encoder(ensure_ascii=False)
