"""Which requests may have their answer stored, from the request or from a verified payload: one definition."""

import json
import sys

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
    preimage_storable,
    request_storable,
    storable_request,
)
from inference_edge_cache.protocol.canonical import canonical_and_document, canonicalize
from inference_edge_cache.protocol.dialects import DIALECTS

CHAT = RouteRules(
    dialect="openai-chat",
    ignored_fields=("user",),
    key_headers=("x-a",),
    output_affecting_headers=("openai-beta",),
)
BODY = b'{"messages":[],"temperature":0}'

numbers = st.integers(-3, 3) | st.sampled_from([0.0, -0.0, 1.0, 0.7, 1e-7, 1e16, 1e21, 2.0])
names = st.sampled_from(["messages", "input", "temperature", "seed", "n", "store", "tools", "user", "image_url", "url"])
json_values = st.recursive(
    st.none()
    | st.booleans()
    | numbers
    | st.text(max_size=4)
    | st.sampled_from(["https://a", "function", "\U0001f600"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
all_rules = st.builds(
    RouteRules,
    dialect=st.sampled_from([*sorted(DIALECTS), "unheard-of"]),
    ignored_fields=st.sampled_from([(), ("user",)]),
    key_headers=st.sampled_from([(), ("accept", "x-a")]),
    keep_number_types=st.booleans(),
    require_object=st.booleans(),
    determinism=st.sampled_from(["required", "sampling_allowed", "deterministic_endpoint"]),
    remote_urls=st.booleans(),
)


@given(st.dictionaries(names, json_values, max_size=4) | json_values, all_rules)
def test_a_request_is_storable_when_it_has_a_key_and_its_dialect_agrees(document, rules):
    body = json.dumps(document).encode()
    preimage, outcome = build_preimage("/v1", rules, [], body), storable_request("/v1", rules, [], body)
    if isinstance(preimage, Bypass):
        assert outcome == preimage
        return
    bypass = request_storable(
        rules.dialect, json.loads(preimage.body), rules.determinism, remote_urls=rules.remote_urls
    )
    assert outcome == (bypass or preimage)
    assert preimage_storable(preimage, rules) == bypass


@given(json_values, all_rules)
def test_the_document_is_what_the_canonical_form_says(document, rules):
    """Whichever of its ways the canonical form was written in: 1.0 is the integer 1 in each of them."""
    read = canonical_and_document(json.dumps(document).encode(), rules)
    canonical = canonicalize(json.dumps(document).encode(), rules)
    if isinstance(read, Bypass):
        assert canonical == read
        return
    assert read[0] == canonical
    assert repr(sorted_members(read[1])) == repr(sorted_members(json.loads(read[0])))


def sorted_members(value):
    if isinstance(value, dict):
        return {name: sorted_members(value[name]) for name in sorted(value)}
    return [sorted_members(item) for item in value] if isinstance(value, list) else value


@given(json_values, all_rules, st.randoms())
def test_the_order_of_members_does_not_change_the_reason(document, rules, random):
    one, other = (json.dumps(each).encode() for each in (document, shuffled(document, random)))
    assert storable_request("/v1", rules, [], one) == storable_request("/v1", rules, [], other)


def shuffled(value, random):
    if isinstance(value, dict):
        members = list(value.items())
        random.shuffle(members)
        return {name: shuffled(item, random) for name, item in members}
    return [shuffled(item, random) for item in value] if isinstance(value, list) else value


def test_headers_and_query_count_as_for_a_key():
    assert storable_request("/v1", CHAT, [("X-A", " 1 ")], BODY) == Preimage("/v1", (("x-a", "1"),), BODY)
    query = storable_request("/v1", CHAT, [], BODY, "a=1")
    header = storable_request("/v1", CHAT, iter([("OpenAI-Beta", "v2")]), BODY)
    accept = storable_request("/v1", CHAT, [("Accept", "text/csv")], BODY)
    assert query == Bypass(BypassReason.QUERY_STRING)
    assert header == Bypass(BypassReason.UNKEYED_HEADER, "openai-beta")
    assert accept == Bypass(BypassReason.ACCEPT)


def test_a_route_that_cannot_stand_in_a_path_is_the_programs_mistake():
    with pytest.raises(PathError):
        storable_request("/v1/", CHAT, [], BODY)


def test_a_payload_made_under_other_rules_is_rejected():
    other = RouteRules(dialect="openai-chat", key_headers=("x-b",))
    made = storable_request("/v1", other, [("x-b", "1")], b'{"messages":[],"temperature":0,"user":"alice"}')
    assert isinstance(made, Preimage)
    assert preimage_storable(made, other) is None
    assert preimage_storable(made, CHAT) == Rejected(RejectedReason.NOT_CANONICAL)


def test_a_payload_larger_than_the_rules_allow_is_rejected():
    small = RouteRules(dialect="openai-chat", max_body_bytes=len(BODY) - 1)
    assert preimage_storable(Preimage("/v1", (), BODY), small) == Rejected(RejectedReason.NOT_CANONICAL)


@given(
    st.lists(
        st.tuples(st.sampled_from(["x-a", "X-A", "accept"]) | st.text(max_size=5), st.text(max_size=5)), max_size=3
    ),
    st.binary(max_size=40) | json_values.map(lambda value: json.dumps(value).encode()),
    all_rules,
)
def test_no_preimage_raises(headers, body, rules):
    outcome = preimage_storable(Preimage("/v1", tuple(headers), body), rules)
    assert outcome is None or isinstance(outcome, Bypass | Rejected)
    if outcome is None:
        assert build_preimage("/v1", rules, headers, body) == Preimage("/v1", tuple(sorted(headers)), body)


def test_a_caller_deep_in_its_own_stack_is_not_surprised():
    deep = b'{"a":' + b"[" * 250 + b"1e-7" + b"]" * 250 + b',"temperature":0}'
    frame, used = sys._getframe(), 0
    while frame is not None:
        frame, used = frame.f_back, used + 1
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(used + 60)
    try:
        outcomes = storable_request("/v1", CHAT, [], deep), preimage_storable(Preimage("/v1", (), deep), CHAT)
    finally:
        sys.setrecursionlimit(limit)
    assert isinstance(outcomes[0], Preimage | Bypass)
    assert outcomes[1] is None or isinstance(outcomes[1], Rejected)
