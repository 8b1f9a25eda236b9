"""The protocol against vectors.json: fixed inputs and outputs, meant for implementations in other languages too.

Nothing here computes an expectation with the code under test. Canonical forms are checked once more against the
reference implementation of RFC 8785, keys against ``straight_key``, which is the specification in ten lines.
"""

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest
import rfc8785

from inference_edge_cache.protocol import (
    PUBLIC_API_KEY,
    ApiKey,
    Bypass,
    InferencePath,
    KeyMaterialError,
    OriginIdentity,
    Preimage,
    Rejected,
    RouteRules,
    build_preimage,
    canonicalize,
    decode_payload,
    derive_api_key,
    effective_generation,
    encode_payload,
    inference_path,
    parse_api_key,
    parse_path,
    preimage_storable,
    request_key,
    storable_request,
    verify,
    verify_api_key,
)

DOCUMENT = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="ascii"))
DEFAULTS, VECTORS = DOCUMENT["defaults"], DOCUMENT["vectors"]
KEY = base64.urlsafe_b64decode(DEFAULTS["K"] + "=")


def of(*kinds):
    return pytest.mark.parametrize("vector", [v for v in VECTORS if v["kind"] in kinds], ids=lambda v: v["id"])


def rules_of(vector):
    return RouteRules(**(DEFAULTS["rules"] | vector.get("rules", {})))


def body_of(request):
    return base64.b64decode(request["body_base64"]) if "body_base64" in request else request["body"].encode()


def arguments_of(request, rules):
    headers = [(name, value) for name, value in request.get("headers", DEFAULTS["headers"])]
    return request.get("route", DEFAULTS["route"]), rules, headers, body_of(request), request.get("query", "")


def preimage_of(request, rules):
    return build_preimage(*arguments_of(request, rules))


def said_of(outcome):
    """A refusal as the vectors write it."""
    if isinstance(outcome, Bypass):
        return {"reason": outcome.reason, "detail": outcome.detail}
    return {"rejected": outcome.reason} if isinstance(outcome, Rejected) else None


def straight_key(key, route, headers, canonical):
    message = b""
    for tag, text in [("V", "inference-edge-cache/1"), ("R", route)]:
        message += tag.encode() + len(text).to_bytes(4, "big") + text.encode()
    for name, value in sorted((name.lower(), value.strip()) for name, value in headers):
        message += b"N" + len(name).to_bytes(4, "big") + name.encode()
        message += b"H" + len(value).to_bytes(4, "big") + value.encode()
    message += b"B" + len(canonical).to_bytes(4, "big") + canonical
    digest = hmac.new(key, message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def straight_generation(vector):
    rules, origin = DEFAULTS["rules"] | vector["rules"], vector["origin"]
    parts = [("V", "inference-edge-cache/1"), ("G", vector["generation"])]
    parts += [("E", origin["endpoint"]), ("M", origin["model"]), ("A", origin["variant"]), ("D", rules["dialect"])]
    parts += [("S", rules["determinism"])]
    parts += [("T", "1" if rules["keep_number_types"] else "0"), ("U", "1" if rules["remote_urls"] else "0")]
    parts += [("P", vector["access"])] if "access" in vector else []
    parts += [("I", name) for name in sorted(rules["ignored_fields"])]
    parts += [("N", name) for name in sorted(name.lower() for name in rules["key_headers"])]
    framed = b"".join(tag.encode() + len(text).to_bytes(4, "big") + text.encode() for tag, text in parts)
    return base64.urlsafe_b64encode(hashlib.sha256(framed).digest())[:12].decode()


def straight_canonical(request, rules):
    document = json.loads(body_of(request))
    if isinstance(document, dict):
        document = {name: value for name, value in document.items() if name not in rules.ignored_fields}
    return rfc8785.dumps(document)


def test_there_are_enough_vectors_and_each_says_why():
    assert DOCUMENT["protocol"] == "inference-edge-cache/1"
    assert len(VECTORS) >= 100
    assert len({vector["id"] for vector in VECTORS}) == len(VECTORS)
    assert all(vector["reason"] and vector["source"] for vector in VECTORS)
    kinds = {"equal", "different", "bypass", "path", "payload", "scope", "generation", "storable", "verified"}
    assert {vector["kind"] for vector in VECTORS} == kinds


def test_the_defaults_name_every_rule():
    assert set(DEFAULTS["rules"]) == set(RouteRules.__dataclass_fields__)


@of("equal")
def test_requests_that_mean_the_same_have_one_path(vector):
    rules, expected = rules_of(vector), vector["expected"]
    for request in vector["requests"]:
        assert canonicalize(body_of(request), rules) == expected["canonical"].encode()
        preimage = preimage_of(request, rules)
        assert isinstance(preimage, Preimage)
        assert preimage.body == expected["canonical"].encode()
        key = request_key(KEY, preimage)
        assert key == expected["key"]
        assert inference_path(preimage.route, DEFAULTS["generation"], DEFAULTS["scope"], key) == expected["path"]


@of("different")
def test_requests_that_may_mean_something_else_have_another_path(vector):
    rules, expected = rules_of(vector), vector["expected"]
    preimages = [preimage_of(request, rules) for request in vector["requests"]]
    assert [preimage.body.decode() for preimage in preimages] == expected["canonicals"]
    assert [request_key(KEY, preimage) for preimage in preimages] == expected["keys"]
    assert len(set(expected["keys"])) == len(vector["requests"]) > 1


@of("equal", "different")
def test_the_vectors_agree_with_the_reference_of_rfc_8785_and_with_hmac(vector):
    rules, expected = rules_of(vector), vector["expected"]
    count = len(vector["requests"])
    canonicals = expected.get("canonicals", [expected.get("canonical")] * count)
    keys = expected.get("keys", [expected.get("key")] * count)
    for request, canonical, key in zip(vector["requests"], canonicals, keys, strict=True):
        if not rules.keep_number_types:
            assert straight_canonical(request, rules) == canonical.encode()
        keyed = [(name, value) for name, value in request.get("headers", []) if name.lower() in rules.key_headers]
        assert straight_key(KEY, request.get("route", DEFAULTS["route"]), keyed, canonical.encode()) == key


@of("equal", "different")
def test_a_canonical_form_is_its_own_canonical_form(vector):
    rules, expected = rules_of(vector), vector["expected"]
    for canonical in expected.get("canonicals", [expected.get("canonical")]):
        assert canonicalize(canonical.encode(), rules) == canonical.encode()


@of("bypass")
def test_what_cannot_be_keyed_exactly_is_a_bypass_with_its_reason(vector):
    assert said_of(preimage_of(vector["request"], rules_of(vector))) == vector["expected"]
    assert said_of(storable_request(*arguments_of(vector["request"], rules_of(vector)))) == vector["expected"]


@of("storable")
def test_an_answer_may_be_stored_or_there_is_a_reason(vector):
    request, rules = vector["request"], rules_of(vector)
    preimage = preimage_of(request, rules)
    assert isinstance(preimage, Preimage)
    result = storable_request(*arguments_of(request, rules))
    assert said_of(result) == vector["expected"]
    assert vector["expected"] is not None or result == preimage
    assert said_of(preimage_storable(preimage, rules)) == vector["expected"]


@of("verified")
def test_a_verified_payload_is_run_only_when_it_is_one_of_the_rules(vector):
    headers = tuple((name, value) for name, value in vector["headers"])
    preimage = Preimage(DEFAULTS["route"], headers, vector["body"].encode())
    assert said_of(preimage_storable(preimage, rules_of(vector))) == vector["expected"]


@of("path")
def test_a_path_is_read_exactly_or_not_at_all(vector):
    expected = vector["expected"]
    assert parse_path(vector["path"]) == (None if expected is None else InferencePath(**expected))
    if expected is not None:
        assert inference_path(**expected) == vector["path"]


@of("payload")
def test_a_payload_is_proven_or_rejected_with_its_reason(vector):
    result, expected = verify(vector["path"], vector["payload"], KEY), vector["expected"]
    if "rejected" in expected:
        assert result == Rejected(expected["rejected"])
        return
    headers = tuple((name, value) for name, value in expected["headers"])
    assert result == Preimage(expected["route"], headers, expected["body"].encode())
    # Another compressor may write another value; what counts is what comes out.
    assert decode_payload(encode_payload(result) or "") == result


@of("scope")
def test_a_scope_and_its_key_follow_from_the_master_secret(vector):
    expected = vector["expected"]
    if "api_key" in vector:
        assert parse_api_key(vector["api_key"]) is expected
        return
    if vector.get("access") == "public":
        derived = PUBLIC_API_KEY
    elif expected is None:
        with pytest.raises(KeyMaterialError):
            derive_api_key(base64.b64decode(vector["master_base64"]), vector["tenant"])
        return
    else:
        master = base64.b64decode(vector["master_base64"])
        derived = derive_api_key(master, vector["tenant"])
        straight = hmac.new(master, b"scope|" + vector["tenant"].encode(), hashlib.sha256).digest()
        assert base64.urlsafe_b64encode(straight)[:12].decode() == expected["scope"]
        straight = hmac.new(master, b"key|" + expected["scope"].encode(), hashlib.sha256).digest()
        assert base64.urlsafe_b64encode(straight).decode().rstrip("=") == expected["K"]
        verified = verify_api_key(master, expected["api_key"])
        assert verified is not None
        assert verified.matches(derived)
    assert derived.scope == expected["scope"]
    assert derived.text == expected["api_key"]
    parsed = parse_api_key(expected["api_key"])
    assert isinstance(parsed, ApiKey)
    assert parsed.matches(derived)


@of("generation")
def test_the_effective_generation_is_the_one_of_the_vector(vector):
    origin, access = OriginIdentity(**vector["origin"]), vector.get("access", "keyed")
    generation = effective_generation(vector["generation"], origin, rules_of(vector), access)
    assert generation == vector["expected"] == straight_generation(vector)


def test_only_the_two_spellings_of_one_route_share_a_generation():
    generations = {vector["id"]: vector["expected"] for vector in VECTORS if vector["kind"] == "generation"}
    assert generations.pop("generation-order") == generations["generation-plain"]
    assert len(set(generations.values())) == len(generations)
