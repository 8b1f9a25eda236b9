"""Properties of the canonical form: that of RFC 8785, blind to spelling and to nothing else, total, linear."""

import json
import math
import struct
import sys

import pytest
import rfc8785
from hypothesis import assume, example, given
from hypothesis import strategies as st

from inference_edge_cache.protocol import Bypass, BypassReason, RouteRules, canonicalize
from inference_edge_cache.protocol.strict_json import MAX_DEPTH, MAX_SAFE_INTEGER, depth

ANY = RouteRules(dialect="any", require_object=False)
TYPED = RouteRules(dialect="typed", require_object=False, keep_number_types=True)
OBJECT = RouteRules(dialect="object", ignored_fields=("user", "metadata"))

integers = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
floats = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, -0.0, 1.0, 1e-4, 9.999e-5, 1e-6, 1e-7, 2.0**53, 1e16, 1e20, 1e21, 123456789012345680000.0, 5e-324]
)
# Text with what encoders disagree on: controls, DEL, quotes, backslashes, both sides of the surrogates.
characters = st.characters(codec="utf-8") | st.sampled_from(
    '"\\/\b\f\n\r\t\x00\x1f\x7f\u2028\ue000\uffff\U00010000😀{}[]'
)
texts = st.text(characters, max_size=12)
# What RFC 8785 writes as an integer beyond the safe ones is a bypass, unless number types are kept.
safe_floats = floats.filter(lambda value: not MAX_SAFE_INTEGER < abs(value) < 1e21)
leaves = st.none() | st.booleans() | integers | safe_floats | texts


def documents_of(leaf):
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
        max_leaves=25,
    )


documents = documents_of(leaves)
typed_documents = documents_of(leaves | floats)
objects = st.dictionaries(texts, documents, max_size=5)


def dumped(document, **options):
    return json.dumps(document, **options).encode()


@given(documents, st.booleans())
@example({"\uffff": 1, "😀": 2}, False)
@example([1e-5, 1.0, -0.0, 1e21, 0.1], True)
def test_the_canonical_form_is_that_of_rfc_8785(document, ascii_only):
    assert canonicalize(dumped(document, ensure_ascii=ascii_only), ANY) == rfc8785.dumps(document)


@given(st.integers(0, 2**64 - 1))
def test_every_double_is_written_as_rfc_8785_says(bits):
    (value,) = struct.unpack(">d", bits.to_bytes(8, "big"))
    assume(math.isfinite(value))
    unsafe = MAX_SAFE_INTEGER < abs(value) < 1e21
    expected = Bypass(BypassReason.INTEGER_RANGE) if unsafe else rfc8785.dumps(value)
    assert canonicalize(repr(value).encode(), ANY) == expected
    # The same beside a key that is sorted by the reference package.
    beside = canonicalize(b'{"\\uffff":%b,"\xf0\x9f\x98\x80":0}' % repr(value).encode(), ANY)
    assert beside == (expected if unsafe else '{"😀":0,"\uffff":'.encode() + rfc8785.dumps(value) + b"}")


@st.composite
def respelled(draw, document):
    """JSON text for ``document``: members in any order, whitespace anywhere, any escapes, any form of each number."""
    space = st.text(" \t\r\n", max_size=2)
    if isinstance(document, dict):
        members = draw(st.permutations(list(document.items())))
        inner = ",".join(f"{draw(respelled(name))}:{draw(respelled(value))}" for name, value in members)
        written = "{" + inner + draw(space) + "}"
    elif isinstance(document, list):
        written = "[" + ",".join(draw(respelled(item)) for item in document) + draw(space) + "]"
    elif isinstance(document, str):
        written = '"' + "".join(draw(spelled(character)) for character in document) + '"'
    elif isinstance(document, int | float) and not isinstance(document, bool):
        written = draw(numeral(document))
    else:
        written = json.dumps(document)
    return draw(space) + written + draw(space)


def spelled(character):
    units = character.encode("utf-16-be")
    escape = "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
    forms = [escape, "".join(f"\\u{unit.upper()}" for unit in escape.split("\\u")[1:])]
    if character == "/":
        forms.append("\\/")
    forms.append(json.dumps(character, ensure_ascii=False)[1:-1])
    return st.sampled_from(forms)


def numeral(value):
    forms = [repr(value), repr(value).upper()]
    if abs(value) <= MAX_SAFE_INTEGER and value == int(value):
        whole = int(value)
        forms += [f"{whole}", f"{whole}.0", f"{whole}e0", f"{whole}.000E+0", *([f"{whole}0e-1"] if whole else [])]
    if value == 0:
        forms += ["-0", "-0.0", "0e7"]
    return st.sampled_from(forms)


@given(st.data(), objects)
def test_spelling_does_not_change_the_form(data, document):
    text = data.draw(respelled(document))
    assert canonicalize(text.encode(), ANY) == rfc8785.dumps(document)


def places(document, at=()):
    """Every place in ``document``, as the path to it."""
    yield at
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for name, value in inner:
        yield from places(value, (*at, name))


def changed(document, at, change):
    if not at:
        return change(document)
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[at[0]] = changed(copy[at[0]], at[1:], change)
    return copy


def found(document, at):
    return found(document[at[0]], at[1:]) if at else document


def same_to_json(one, other):
    """Equal as JSON values, where 1 and 1.0 are equal and 1 and true are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_to_json(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_to_json, one, other))
    numbers = {type(one), type(other)} <= {int, float}
    return (numbers or type(one) is type(other)) and one == other


@given(st.data(), objects, leaves)
def test_changing_any_value_changes_the_form(data, document, other):
    at = data.draw(st.sampled_from(list(places(document))))
    assume(not same_to_json(found(document, at), other))
    assert canonicalize(dumped(document), ANY) != canonicalize(dumped(changed(document, at, lambda _: other)), ANY)


@given(st.data(), objects, texts)
def test_adding_null_or_renaming_changes_the_form(data, document, name):
    at = data.draw(st.sampled_from([at for at in places(document) if isinstance(found(document, at), dict)]))
    here = found(document, at)
    assume(name not in here)
    before = canonicalize(dumped(document), ANY)
    added = changed(document, at, lambda members: members | {name: None})
    assert canonicalize(dumped(added), ANY) != before
    for old in here:
        renamed = changed(
            document, at, lambda members, old=old: {name if n == old else n: v for n, v in members.items()}
        )
        assert canonicalize(dumped(renamed), ANY) != before


@given(st.lists(documents, min_size=2, max_size=4), st.data())
def test_swapping_two_items_changes_the_form(items, data):
    one, other = data.draw(st.tuples(*[st.integers(0, len(items) - 1)] * 2))
    assume(not same_to_json(items[one], items[other]))
    swapped = list(items)
    swapped[one], swapped[other] = items[other], items[one]
    assert canonicalize(dumped(items), ANY) != canonicalize(dumped(swapped), ANY)


@given(documents, documents)
def test_two_documents_share_a_form_only_when_they_are_equal(one, other):
    assert (canonicalize(dumped(one), ANY) == canonicalize(dumped(other), ANY)) == same_to_json(one, other)


@given(objects, documents, documents)
def test_ignored_fields_do_not_count_at_the_top_and_do_below(document, one, other):
    assume(not set(document) & {"user", "metadata", "a"})
    bare = canonicalize(dumped(document), OBJECT)
    assert bare == rfc8785.dumps(document)
    assert canonicalize(dumped(document | {"user": one, "metadata": other}), OBJECT) == bare
    assert canonicalize(dumped(document | {"a": {"user": one}}), OBJECT) == rfc8785.dumps(
        document | {"a": {"user": one}}
    )


def tagged(document):
    """``document`` with floats told from integers in a way that has nothing to do with how they are written."""
    if isinstance(document, dict):
        return {name: tagged(value) for name, value in document.items()}
    if isinstance(document, list):
        return [tagged(item) for item in document]
    return ("float", document.hex()) if isinstance(document, float) else (type(document).__name__, document)


@given(typed_documents, typed_documents)
def test_with_number_types_kept_only_identical_documents_share_a_form(one, other):
    same = tagged(one) == tagged(other)
    assert (canonicalize(dumped(one), TYPED) == canonicalize(dumped(other), TYPED)) == same


@given(typed_documents)
def test_with_number_types_kept_the_form_still_means_the_document(document):
    form = canonicalize(dumped(document), TYPED)
    assert isinstance(form, bytes)
    assert tagged(json.loads(form)) == tagged(document)
    assert canonicalize(form, TYPED) == form
    # But for the fractions it is RFC 8785.
    assert rfc8785.dumps(json.loads(form)) == rfc8785.dumps(document)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | integers, max_size=6))
def test_the_fast_and_the_slow_way_to_keep_number_types_agree(numbers):
    """One number that needs an exponent sends a document the slow way; the rest of it must not change."""
    fast, slow = ([canonicalize(dumped([number]), TYPED) for number in numbers], dumped([*numbers, 1e-9]))
    assert (
        canonicalize(slow, TYPED)
        == b"[" + b"".join(form[1:-1] + b"," for form in fast if isinstance(form, bytes)) + b"1e-9]"
    )


pieces = st.sampled_from(
    [
        *rb'{ } [ ] " : , \ \u d83d 1 - 0 . e E9 true null NaN Infinity "a" "a":'.split(),
        *(b" ", b"\n", b"\x00", b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80", b"9" * 20),
    ]
)
garbage = st.binary(max_size=60) | st.lists(pieces, max_size=30).map(b"".join)


@given(garbage, st.booleans(), st.booleans())
def test_any_bytes_have_a_form_or_a_reason(body, typed, objects_only):
    rules = RouteRules(
        dialect="any", ignored_fields=("a",), keep_number_types=typed, require_object=objects_only, max_body_bytes=50
    )
    result = canonicalize(body, rules)
    if isinstance(result, Bypass):
        assert str(result) == result.reason
    else:
        assert canonicalize(result, rules) == result


@given(documents, st.data())
def test_a_form_is_given_only_for_what_every_parser_reads_alike(document, data):
    """Cut or change a byte anywhere: either it is refused, or it is the RFC 8785 form of what Python reads."""
    body = bytearray(dumped(document, ensure_ascii=False))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at : at + data.draw(st.integers(0, 2))] = data.draw(garbage)
    result = canonicalize(bytes(body), ANY)
    if not isinstance(result, Bypass):
        assert result == rfc8785.dumps(json.loads(bytes(body)))
        assert canonicalize(result, ANY) == result


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":', b"[ "])
@pytest.mark.parametrize("size", [257, 5_000, 200_000])
@pytest.mark.parametrize("tail", [b"", b"]", b'"', b"\\"])
def test_nesting_is_found_before_anything_recurses(opening, size, tail):
    assert canonicalize(opening * size + tail, ANY) == Bypass(BypassReason.TOO_DEEP)


@pytest.mark.parametrize("rules", [ANY, TYPED], ids=["shared", "typed"])
@pytest.mark.parametrize("leaf", ["1", "1e-9", '"\\ud83d\\ude00"'], ids=["plain", "exponent", "escape"])
def test_the_deepest_document_that_is_keyed(leaf, rules):
    body = ("[" * MAX_DEPTH + leaf + "]" * MAX_DEPTH).encode()
    assert canonicalize(body, rules) == b"[" * MAX_DEPTH + canonicalize(leaf.encode(), rules) + b"]" * MAX_DEPTH
    assert canonicalize(b"[" + body + b"]", rules) == Bypass(BypassReason.TOO_DEEP)


@given(documents)
def test_the_depth_of_a_document_is_counted_outside_of_its_strings(document):
    def deepest(value):
        if isinstance(value, dict | list):
            return 1 + max(map(deepest, value.values() if isinstance(value, dict) else value), default=0)
        return 0

    # Many siblings, so that the quick way out is not taken.
    body = dumped([document, *[[]] * (MAX_DEPTH + 1)])
    assert depth(body) == 1 + max(deepest(document), 1)


class CountedBytes(bytes):
    """Bytes that count how many of them the passes of ``depth`` go over."""

    passed = 0

    def _pass(self, result):
        type(self).passed += len(self)
        return CountedBytes(result)

    def replace(self, *args):
        return self._pass(super().replace(*args))

    def translate(self, *args):
        return self._pass(super().translate(*args))


@pytest.mark.parametrize("unit", [b"[", b'{"', b'"\\"', b"\\\\", b'["a\\\\\\"[",{}', b"]["])
def test_the_depth_scan_passes_over_the_bytes_a_fixed_number_of_times(unit):
    passed = {}
    for size in (1_000, 10_000):
        CountedBytes.passed = 0
        depth(CountedBytes(unit * size))
        passed[size] = CountedBytes.passed
    assert passed[10_000] == 10 * passed[1_000]
    assert 0 < passed[1_000] <= 5 * len(unit) * 1_000


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[" + b"9" * 4_000_000 + b"]", BypassReason.INTEGER_RANGE),
        (b"[-" + b"9" * 4_000_000 + b"]", BypassReason.INTEGER_RANGE),
        (b"[" + b"9" * 4_000_000 + b".5]", BypassReason.NUMBER_RANGE),
        (b"[1e" + b"9" * 4_000_000 + b"]", BypassReason.NUMBER_RANGE),
        (b"[1e-" + b"9" * 4_000_000 + b"]", BypassReason.NUMBER_RANGE),
        (b'["' + b"\\" * 4_000_001 + b'"]', BypassReason.NOT_JSON),
        (b'["' + b'\\"' * 2_000_000, BypassReason.NOT_JSON),
        (b'"' * 4_000_000, BypassReason.TRAILING_DATA),
        (b"{" * 256 + b'"' * 4_000_000, BypassReason.NOT_JSON),
        (b" " * 4_000_000, BypassReason.NOT_JSON),
        (b"[]" + b"\n" * 4_000_000 + b"x", BypassReason.TRAILING_DATA),
        (b"[" + b"[]," * 1_300_000, BypassReason.NOT_JSON),
    ],
    ids=[
        "digits",
        "minus",
        "fraction",
        "exponent",
        "negative",
        "backslashes",
        "quotes",
        "strings",
        "open",
        "blank",
        "tail",
        "flat",
    ],
)
def test_adversarial_bodies_of_megabytes_end(body, reason):
    assert canonicalize(body, ANY) == Bypass(reason)


def test_a_number_of_a_million_digits_is_a_number():
    assert canonicalize(b"[0." + b"1" * 1_000_000 + b"]", ANY) == b"[0.1111111111111111]"
    assert canonicalize(b"[" + b"0." + b"0" * 1_000_000 + b"]", ANY) == b"[0]"


@pytest.mark.parametrize("rules", [ANY, TYPED], ids=["shared", "typed"])
@pytest.mark.parametrize("leaf", [b"1", b"1e-9"])
def test_a_caller_deep_in_its_own_stack_gets_a_bypass(leaf, rules):
    body = b"[" * MAX_DEPTH + leaf + b"]" * MAX_DEPTH
    frame, used = sys._getframe(), 0
    while frame is not None:
        frame, used = frame.f_back, used + 1
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(used + 60)
    try:
        result = canonicalize(body, rules)
    finally:
        sys.setrecursionlimit(limit)
    # Where the interpreter counts C calls apart from Python's own, the C encoder may still get through.
    assert result in (Bypass(BypassReason.TOO_DEEP), canonicalize(body, rules))


def test_the_size_limit_is_the_last_size_that_is_keyed():
    rules = RouteRules(dialect="any", max_body_bytes=7)
    assert canonicalize(b'{"a":1}', rules) == b'{"a":1}'
    assert canonicalize(b'{"a":1} ', rules) == Bypass(BypassReason.TOO_LARGE)
