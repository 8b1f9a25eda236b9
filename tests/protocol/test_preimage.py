import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_edge_cache.protocol import (
    Bypass,
    BypassReason,
    PathError,
    Preimage,
    Rejected,
    RejectedReason,
    RouteRules,
    build_preimage,
    framing,
    parse_preimage,
    request_bypass,
    request_key,
)

KEY = bytes(range(32))
RULES = RouteRules(
    dialect="any",
    key_headers=("x-a", "x-b"),
    output_affecting_headers=("x-b", "x-key", "openai-beta"),
    ignored_fields=("user",),
)

values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12).map(str.strip)
keyed = st.dictionaries(st.sampled_from(["x-a", "x-b"]), values)
routes = st.sampled_from(["/", "/v1", "/v1/embeddings"])
texts = st.text(st.characters(codec="utf-8"), max_size=12)
parts = st.lists(st.tuples(st.binary(min_size=1, max_size=1), st.binary(max_size=20)), max_size=6)


@given(parts, parts)
def test_two_lists_of_parts_are_never_joined_to_the_same_bytes(one, other):
    assert framing.split(framing.join(one)) == one
    assert (framing.join(one) == framing.join(other)) == (one == other)


@given(st.binary(max_size=60))
def test_bytes_are_the_join_of_their_parts_or_nothing(data):
    found = framing.split(data)
    assert found is None or framing.join(found) == data


@given(routes, keyed, texts, routes, keyed, texts)
def test_two_requests_share_a_key_only_when_all_their_parts_are_equal(route, headers, body, route2, headers2, body2):
    one = build_preimage(route, RULES, headers.items(), b'{"a":%b}' % _json(body))
    other = build_preimage(route2, RULES, headers2.items(), b'{"a":%b}' % _json(body2))
    assert isinstance(one, Preimage)
    assert isinstance(other, Preimage)
    same = (route, headers, body) == (route2, headers2, body2)
    assert (request_key(KEY, one) == request_key(KEY, other)) == same


@given(routes, keyed, texts)
def test_a_preimage_is_read_back_as_what_it_was_made_of(route, headers, body):
    preimage = build_preimage(route, RULES, headers.items(), b'{"user":1,"a":%b}' % _json(body))
    assert isinstance(preimage, Preimage)
    assert preimage.headers == tuple(sorted(headers.items()))
    assert parse_preimage(preimage.to_bytes()) == preimage


@given(keyed, st.permutations(["X-Trace: 1", "User-Agent: c", "Authorization: secret"]))
def test_headers_that_are_not_named_do_not_count(headers, others):
    pairs = [(line.partition(": ")[0], line.partition(": ")[2]) for line in others]
    shouted = [(name.upper(), f" {value}\t") for name, value in reversed(headers.items())]
    bare = build_preimage("/v1", RULES, headers.items(), b"{}")
    assert build_preimage("/v1", RULES, [*pairs, *shouted], b"{}") == bare
    assert b"secret" not in bare.to_bytes()


def _json(text):
    return b'"' + b"".join(b"\\u" + unit for unit in _units(text)) + b'"'


def _units(text):
    data = text.encode("utf-16-be")
    return [data[at : at + 2].hex().encode() for at in range(0, len(data), 2)]


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ([], "", None),
        ([("x-a", "1"), ("x-b", "2"), ("accept", "*/*"), ("accept", "text/html")], "", None),
        ([], "a=1", Bypass(BypassReason.QUERY_STRING)),
        ([("OpenAI-Beta", "v2")], "", Bypass(BypassReason.UNKEYED_HEADER, "openai-beta")),
        ([("x-a", "1"), ("X-a", "2")], "", Bypass(BypassReason.REPEATED_HEADER, "x-a")),
        ([("x-a", "a\nb")], "", Bypass(BypassReason.HEADER_VALUE, "x-a")),
        ([("x-a", "\ud800")], "", Bypass(BypassReason.HEADER_VALUE, "x-a")),
        ([("Content-Type", "application/json"), ("Accept", "application/json")], "", None),
        ([("Content-Type", "text/csv")], "", Bypass(BypassReason.CONTENT_TYPE)),
        ([("content-type", "application/json"), ("Content-Type", "text/csv")], "", Bypass(BypassReason.CONTENT_TYPE)),
        ([("content-type", "application/vnd.example+json")], "", Bypass(BypassReason.CONTENT_TYPE)),
        ([("Content-Encoding", "gzip")], "", Bypass(BypassReason.CONTENT_ENCODING)),
        ([("Accept", "text/csv")], "", Bypass(BypassReason.ACCEPT)),
        ([("accept", "text/csv"), ("Accept", "*/*;q=0.1")], "", None),
        ([("accept", "*/*"), ("x-a", "1"), ("x-a", "1")], "", Bypass(BypassReason.REPEATED_HEADER, "x-a")),
        # The Kelvin sign is not a k, whatever str.lower() says.
        ([("x-\u212aey", "v2")], "", None),
    ],
)
def test_a_query_and_headers_that_are_not_keyed_are_a_bypass(headers, query, expected):
    assert request_bypass(RULES, headers, query) == expected
    built = build_preimage("/v1", RULES, iter(headers), b"{}", query)
    assert built == expected if expected else isinstance(built, Preimage)


def test_a_type_of_json_of_its_own_is_keyed_with_its_header():
    rules = RouteRules(dialect="any", key_headers=("content-type", "accept"))
    headers = [("Content-Type", "application/vnd.example+json"), ("Accept", "application/json")]
    built = build_preimage("/v1", rules, headers, b"{}")
    assert isinstance(built, Preimage)
    assert built.headers == (("accept", "application/json"), ("content-type", "application/vnd.example+json"))
    assert request_bypass(rules, [("accept", "text/csv")]) == Bypass(BypassReason.ACCEPT)


def test_a_bypass_says_which_header_and_never_its_value():
    assert str(Bypass(BypassReason.UNKEYED_HEADER, "openai-beta")) == "unkeyed-header: openai-beta"
    assert str(Rejected(RejectedReason.KEY_MISMATCH)) == "key-mismatch"


def test_a_request_that_is_printed_shows_no_prompt():
    assert repr(build_preimage("/v1", RULES, [("x-a", "hunter2")], b'{"a":"hunter2"}')) == "Preimage(route='/v1')"


def test_a_body_that_cannot_be_keyed_is_a_bypass():
    assert build_preimage("/v1", RULES, [], b"[]") == Bypass(BypassReason.NOT_AN_OBJECT)


def test_a_route_that_cannot_stand_in_a_path_is_the_programs_mistake():
    with pytest.raises(PathError):
        build_preimage("/v1/", RULES, [], b"{}")


@given(st.binary(max_size=80) | parts.map(framing.join))
def test_any_bytes_are_a_preimage_or_rejected(data):
    prefix = framing.join([(b"V", b"inference-edge-cache/1"), (b"R", b"/v1")])
    for candidate in (data, prefix + data, prefix + data + framing.join([(b"B", b"{}")])):
        parsed = parse_preimage(candidate)
        if isinstance(parsed, Preimage):
            assert parsed.to_bytes() == candidate
        else:
            assert parsed == Rejected(RejectedReason.PAYLOAD_SHAPE)
