"""What somebody might send who is after other people's answers, or wants them to be given wrong ones.

Whatever is refused leaves the model unasked and the store as it was, and tells nothing.
"""

import base64
import hmac
import json
import logging
import random
import string
import tracemalloc
import zlib
from hashlib import sha256

import pytest
from gateway_kit import CHAT, EMBEDDINGS, JSON, MASTER, NOON, answering, chat_answer, failing_after
from proof_kit import CLASSIFY, Ask, chat, numbering, proof, shipped

from inference_edge_cache.gateway.keyring import Keyring
from inference_edge_cache.gateway.messages import Request
from inference_edge_cache.gateway.model import ModelAnswer, ModelFailed
from inference_edge_cache.gateway.store import Result, StoreFailed
from inference_edge_cache.gateway.stores.folder import FolderStore
from inference_edge_cache.gateway.stores.memory import MemoryStore
from inference_edge_cache.protocol import (
    DISCOVERY_PATH,
    PAYLOAD_BUDGET,
    PUBLIC_API_KEY,
    PUBLIC_KEY,
    PUBLIC_SCOPE,
    Preimage,
    api_key_of_scope,
    derive_api_key,
    encode_payload,
    inference_path,
    parse_path,
    request_key,
)

PROMPT = "a prompt that only alice knows"
SECRET_ANSWER = "an answer that only alice may read"
OLD_MASTER = b"the master secret before the rotation, 40"


def key_of(tenant, master=MASTER):
    return derive_api_key(master, tenant)


def said_once(at):
    """Alice has asked, and her answer is stored."""
    at.model.script = answering(200, chat_answer(SECRET_ANSWER))
    assert at.ask(Ask(chat(PROMPT))).status == 200
    assert len(at.store.written) == 1
    at.model.asked.clear()
    return at


def untouched(at, stored=0):
    """Nobody was asked, and nothing was kept."""
    return at.model.asked == [] and len(at.store.written) == stored


def raw_get(at, path, *lines, **more):
    return at.handle(Request(method="GET", path=path, headers=lines, **more))


def forged(at, tenant="mallory", *, route=CHAT, preimage=None, headers=(), body=b"{}", path_route=None):
    """A path and a payload that fit, made by hand with the key of ``tenant``: whoever has one can hash anything."""
    preimage = preimage or Preimage(route, headers, body)
    caller = key_of(tenant)
    under = at.config.edge.route(path_route or route)
    place = inference_path(under.path, under.generation, caller.scope, request_key(caller.key, preimage))
    return place, packed(preimage.to_bytes())


def packed(data):
    compressor = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return base64.urlsafe_b64encode(compressor.compress(data) + compressor.flush()).rstrip(b"=").decode()


# --- Another one's answer ---------------------------------------------------------------------------------------------


def test_a_payload_of_another_request_does_not_reach_a_path():
    at = said_once(proof())
    mine, yours = (at.preimage(Ask(chat(text))) for text in ("mine", "yours"))
    answer = at.get(at.place(mine), encode_payload(yours))
    assert answer.status == 400
    assert untouched(at, 1)
    # Nor does it spoil what is stored there later.
    at.model.script = numbering()
    assert at.fetch(Ask(chat("mine"))).body == at.ask(Ask(chat("mine"))).body


def test_a_payload_that_one_has_signed_oneself_does_not_reach_another_ones_path():
    at = said_once(proof())
    preimage, alice, mallory = at.preimage(Ask(chat("new"))), key_of("alice"), key_of("mallory")
    generation = at.config.edge.route(CHAT).generation
    for scope in (alice.scope, mallory.scope):
        for key in (alice.key, mallory.key):
            place = inference_path(CHAT, generation, scope, request_key(key, preimage))
            status = at.get(place, encode_payload(preimage)).status
            assert status == (200 if (scope, key) in {(it.scope, it.key) for it in (alice, mallory)} else 400)
    assert len(at.model.asked) == 2


def test_ones_own_key_never_leads_to_another_ones_answer():
    at = said_once(proof())
    at.model.script = numbering()
    answer = at.ask(Ask(chat(PROMPT), tenant="mallory"))
    assert SECRET_ANSWER.encode() not in answer.body
    assert parse_path(answer.header("content-location")).scope == key_of("mallory").scope
    assert len(at.model.asked) == 1


@pytest.mark.parametrize(
    "bearer",
    [
        f"iec1.{key_of('alice').scope}.{key_of('mallory').text.rpartition('.')[2]}",
        f"iec1.{key_of('mallory').scope}.{key_of('alice').text.rpartition('.')[2]}",
        f"iec1.{key_of('alice').scope}.{'A' * 43}",
        f"iec1.{PUBLIC_SCOPE}.{key_of('mallory').text.rpartition('.')[2]}",
        PUBLIC_API_KEY.text,
        key_of("alice").text[:-1],
        key_of("alice").text + "A",
        key_of("alice").text.swapcase(),
        key_of("alice").text.replace("iec1", "iec2"),
        key_of("alice", OLD_MASTER).text,
        MASTER.decode(),
    ],
)
def test_a_forged_key_opens_nothing(bearer):
    at = said_once(proof())
    request = Request(method="POST", path=CHAT, headers=(("authorization", f"Bearer {bearer}"),), body=chat(PROMPT))
    answer = at.handle(request)
    assert answer.status == 401
    assert untouched(at, 1)


@pytest.mark.parametrize("scope", [key_of("mallory").scope, "A" * 12, PUBLIC_SCOPE, key_of("alice").scope.swapcase()])
def test_a_path_with_another_scope_in_it_is_another_path(scope):
    at = said_once(proof())
    preimage = at.preimage(Ask(chat(PROMPT)))
    place = parse_path(at.place(preimage))
    moved = inference_path(place.route, place.generation, scope, place.key)
    assert raw_get(at, moved).status == 428
    assert at.get(moved, encode_payload(preimage)).status == 400
    assert untouched(at, 1)


def guesses(at):
    """Paths that somebody can make who has guessed the prompt, and knows all but the key."""
    preimage = at.preimage(Ask(chat(PROMPT)))
    body, generation, scope = chat(PROMPT), at.config.edge.route(CHAT).generation, key_of("alice").scope
    keys = {
        "the public key": PUBLIC_KEY,
        "a key of zeros": bytes(32),
        "an empty key": b"",
        "the scope": scope.encode(),
        "the scope's hash": sha256(scope.encode()).digest(),
        "the generation": generation.encode(),
        "one's own key": key_of("mallory").key,
        "the scope's key under an empty master": hmac.digest(b"", b"key|" + scope.encode(), "sha256"),
        "the tenant": b"alice",
    }
    digests = {name: hmac.digest(key, preimage.to_bytes(), "sha256") for name, key in keys.items()}
    digests |= {
        "sha256 of the body": sha256(body).digest(),
        "sha256 of the canonical body": sha256(preimage.body).digest(),
        "sha256 of the preimage": sha256(preimage.to_bytes()).digest(),
        "nothing": bytes(32),
    }
    for name, digest in digests.items():
        key = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        for under in (scope, PUBLIC_SCOPE):
            yield f"{name} under {under}", inference_path(CHAT, generation, under, key), encode_payload(preimage)


def test_a_guessed_prompt_is_not_enough():
    at = said_once(proof())
    for name, place, payload in guesses(at):
        assert raw_get(at, place).status == 428, name
        assert at.get(place, payload).status == 400, name
        assert at.get(place, payload, method="HEAD").status == 428, name
    assert untouched(at, 1)


def test_the_public_key_counts_for_nothing_where_access_is_keyed():
    at = said_once(proof())
    preimage = at.preimage(Ask(chat(PROMPT)))
    generation = at.config.edge.route(CHAT).generation
    place = inference_path(CHAT, generation, PUBLIC_SCOPE, request_key(PUBLIC_KEY, preimage))
    assert at.get(place, encode_payload(preimage)).status == 400
    assert untouched(at, 1)


def test_where_access_is_public_there_is_one_scope_and_no_other():
    at = proof(config=shipped(access="public"), keyring=Keyring.public())
    assert parse_path(at.ask(Ask(chat())).header("content-location")).scope == PUBLIC_SCOPE
    preimage = at.preimage(Ask(chat(PROMPT)))
    generation = at.config.edge.route(CHAT).generation
    at.model.asked.clear()
    for caller in (key_of("alice"), PUBLIC_API_KEY):
        for scope in ("A" * 12, key_of("alice").scope):
            place = inference_path(CHAT, generation, scope, request_key(caller.key, preimage))
            assert at.get(place, encode_payload(preimage)).status == 400
    assert untouched(at, 1)


def test_what_was_kept_for_everyone_is_out_of_reach_once_access_is_keyed():
    """The public key is known to all, so that a guessed prompt is enough to find such an answer."""
    store = MemoryStore()
    public = proof(config=shipped(access="public"), keyring=Keyring.public(), store=store)
    public.model.script = answering(200, chat_answer(SECRET_ANSWER))
    place = public.ask(Ask(chat(PROMPT))).header("content-location")
    keyed = proof(store=store)
    assert raw_get(keyed, place).status == 428
    assert untouched(keyed)


# --- Keys that change -------------------------------------------------------------------------------------------------


def test_during_a_rotation_a_scope_is_still_one_tenants():
    at = proof(numbering(), keyring=Keyring((MASTER, OLD_MASTER)))
    answers = {}
    for master in (MASTER, OLD_MASTER):
        at.master = master
        for tenant in ("alice", "bob"):
            answer = at.ask(Ask(chat(PROMPT), tenant=tenant))
            answers[answer.header("content-location")] = answer.body
    assert len(answers) == len(set(answers.values())) == 4
    keys = {(tenant, master): key_of(tenant, master) for tenant in ("alice", "bob") for master in (MASTER, OLD_MASTER)}
    preimage = at.preimage(Ask(chat("another")))
    generation = at.config.edge.route(CHAT).generation
    at.model.asked.clear()
    for of_scope, whose_scope in keys.items():
        for of_key, whose_key in keys.items():
            place = inference_path(CHAT, generation, whose_scope.scope, request_key(whose_key.key, preimage))
            assert at.get(place, encode_payload(preimage)).status == (200 if of_scope == of_key else 400)
            mixed = f"iec1.{whose_scope.scope}.{whose_key.text.rpartition('.')[2]}"
            post = Request(method="POST", path=CHAT, headers=(("authorization", f"Bearer {mixed}"),), body=chat(PROMPT))
            assert at.handle(post).status == (200 if of_scope == of_key else 401)
    assert len(at.model.asked) == len(keys)


def test_after_a_rotation_the_old_key_asks_for_nothing_any_more():
    at = proof(keyring=Keyring((MASTER,)))
    at.master = OLD_MASTER
    assert at.ask(Ask(chat())).status == 401
    assert at.fetch(Ask(chat())).status == 400
    assert untouched(at)


def test_keys_are_compared_in_constant_time(monkeypatch):
    """Python's ``==`` on texts ends at the first difference."""
    compared = []
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or compare(a, b))
    at = proof(keyring=Keyring((MASTER, OLD_MASTER)))
    at.ask(Ask(chat(), tenant="alice"))
    assert (key_of("alice").text, key_of("alice").text) in compared
    assert len(compared) == 2  # with each master, whichever it is
    compared.clear()
    preimage = at.preimage(Ask(chat("another")))
    at.get(at.place(preimage), encode_payload(preimage))
    assert [other for _, other in compared] == [parse_path(at.place(preimage)).key] * 2
    compared.clear()
    wrong = Request(method="POST", path=CHAT, headers=(("authorization", f"Bearer iec1.{'A' * 12}.{'A' * 43}"),))
    assert at.handle(wrong).status == 401
    assert len(compared) == 2


# --- What was signed by hand ------------------------------------------------------------------------------------------

FITTING = json.dumps(json.loads(chat()), sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("made", "status"),
    [
        pytest.param({"body": FITTING}, 200, id="as it should be"),
        pytest.param({"body": FITTING.replace(b",", b", ")}, 400, id="whitespace"),
        pytest.param({"body": FITTING + b"\n"}, 400, id="a line break at the end"),
        pytest.param({"body": b"\xef\xbb\xbf" + FITTING}, 400, id="a byte order mark"),
        pytest.param({"body": FITTING.replace(b'"temperature":0', b'"temperature":0.0')}, 400, id="number form"),
        pytest.param({"body": chat()}, 400, id="another order"),
        pytest.param({"body": FITTING.replace(b'"model"', b'"mod\\u0065l"')}, 400, id="an escape"),
        pytest.param({"body": FITTING[:-1] + b',"user":"u-1"}'}, 400, id="an ignored field"),
        pytest.param({"body": FITTING[:-1] + b',"metadata":{"a":1},"user":""}'}, 400, id="several ignored fields"),
        pytest.param({"body": FITTING.replace(b'"m"', b'"m","model":"m"')}, 400, id="a key twice"),
        pytest.param({"body": FITTING.replace(b"0", b'0,"x":NaN')}, 400, id="NaN"),
        pytest.param({"body": FITTING.replace(b"0", b'0,"x":9007199254740993')}, 400, id="an unsafe integer"),
        pytest.param({"body": b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}"}, 400, id="too deep"),
        pytest.param({"body": b"[" * 60_000}, 400, id="far too deep"),
        pytest.param({"body": b"[]"}, 400, id="no object"),
        pytest.param({"body": b"not JSON"}, 400, id="not JSON"),
        pytest.param({"body": b""}, 400, id="nothing"),
        pytest.param({"body": b"\xff\xfe"}, 400, id="not UTF-8"),
        pytest.param({"body": FITTING, "headers": (("openai-beta", "v2"),)}, 200, id="a key header"),
        pytest.param({"body": FITTING, "headers": (("x-api-key", "k"),)}, 400, id="another header"),
        pytest.param({"body": FITTING, "headers": (("authorization", "Bearer k"),)}, 400, id="a credential"),
        pytest.param({"body": FITTING, "headers": (("anthropic-beta", "a"),)}, 400, id="a header that affects it"),
        pytest.param({"body": FITTING, "headers": (("transfer-encoding", "chunked"),)}, 400, id="framing"),
        pytest.param({"body": FITTING, "headers": (("openai-beta", "v2"), ("x-a", "1"))}, 400, id="one too many"),
        pytest.param({"body": FITTING, "headers": (("openai-beta", "a"), ("openai-beta", "b"))}, 400, id="twice"),
        pytest.param({"body": FITTING, "headers": (("OpenAI-Beta", "v2"),)}, 400, id="in other letters"),
        pytest.param({"body": FITTING, "headers": (("openai-beta", " v2"),)}, 400, id="a space before it"),
        pytest.param({"body": FITTING, "headers": (("openai-beta", "v2\r\nx-api-key: k"),)}, 400, id="a line break"),
        pytest.param({"body": FITTING, "headers": (("openai-beta", "v\0"),)}, 400, id="NUL"),
        pytest.param({"body": FITTING, "headers": (("content-type", "text/csv"),)}, 400, id="another content type"),
        pytest.param({"body": FITTING.replace(b'"temperature":0', b'"temperature":0.7')}, 428, id="sampled"),
        pytest.param({"body": FITTING.replace(b',"temperature":0', b"")}, 428, id="no temperature"),
        pytest.param({"body": FITTING.replace(b'"temperature"', b'"store":true,"temperature"')}, 428, id="store"),
        pytest.param({"body": FITTING, "route": EMBEDDINGS, "path_route": CHAT}, 400, id="of another route"),
        pytest.param({"body": FITTING, "route": CLASSIFY, "path_route": CHAT}, 400, id="of a laxer route"),
        pytest.param({"body": FITTING, "route": "/v1/models", "path_route": CHAT}, 400, id="of no route"),
    ],
)
def test_what_the_rules_would_not_have_made_is_not_run(made, status):
    """Whoever holds a key can sign anything. What is run is what a POST of the same request would have run."""
    at = proof()
    place, payload = forged(at, **made)
    assert len(payload) <= PAYLOAD_BUDGET
    answer = at.get(place, payload)
    assert answer.status == status
    if status != 200:
        assert untouched(at)
        assert answer.header("cache-control") == "no-store"
        assert raw_get(at, place).status == 428


def framed(*parts):
    return b"".join(tag + len(data).to_bytes(4, "big") + data for tag, data in parts)


WHOLE = ((b"V", b"inference-edge-cache/1"), (b"R", CHAT.encode()), (b"B", FITTING))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(framed(*WHOLE) + b"\0", id="a byte more"),
        pytest.param(framed(*WHOLE)[:-1], id="a byte less"),
        pytest.param(framed(*WHOLE, (b"B", b"{}")), id="two bodies"),
        pytest.param(framed(*WHOLE[:2], (b"X", b""), WHOLE[2]), id="an unknown part"),
        pytest.param(framed((b"V", b"inference-edge-cache/2"), *WHOLE[1:]), id="another version"),
        pytest.param(framed(*WHOLE[1:]), id="no version"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_has_not_the_form_of_a_payload_is_refused_although_its_hash_fits(data):
    at, caller = proof(), key_of("mallory")
    key = base64.urlsafe_b64encode(hmac.digest(caller.key, data, "sha256")).rstrip(b"=").decode()
    place = inference_path(CHAT, at.config.edge.route(CHAT).generation, caller.scope, key)
    assert at.get(place, packed(data)).status == 400
    assert untouched(at)


# --- Size -------------------------------------------------------------------------------------------------------------


def as_it_is(data):
    """Deflate without compression, so that a length can be met exactly (RFC 1951 section 3.2.4)."""
    compressor = zlib.compressobj(0, wbits=-zlib.MAX_WBITS)
    return base64.urlsafe_b64encode(compressor.compress(data) + compressor.flush()).rstrip(b"=").decode()


def test_a_payload_has_at_most_6_kib():
    at = proof()
    letters = random.Random(1)
    spare = next(
        count for count in range(5000, 0, -1) if len(as_it_is(at.preimage(Ask(chat("x" * count))).to_bytes())) <= 6144
    )
    text = "".join(letters.choices(string.ascii_letters, k=spare + 1))
    fits, longer = (at.preimage(Ask(chat(text[:length]))) for length in (spare, spare + 1))
    assert [len(as_it_is(it.to_bytes())) for it in (fits, longer)] == [6144, 6146]
    assert at.get(at.place(longer), as_it_is(longer.to_bytes())).status == 400
    assert at.get(at.place(fits), as_it_is(fits.to_bytes()) + "A").status == 400
    assert untouched(at)
    assert at.get(at.place(fits), as_it_is(fits.to_bytes())).status == 200


def bomb(size):
    """So many zeros, deflated: 1,032 to 1."""
    return packed(bytes(size))


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(bomb(4 * 2**20), id="4 MiB of zeros"),
        pytest.param(bomb(64 * 1024 + 1), id="a byte too many"),
        pytest.param(packed(framed(*WHOLE[:2], (b"B", b'{"x":"' + b"x" * 4_000_000 + b'"}'))), id="4 MB of a body"),
        pytest.param(packed(framed(*WHOLE[:2]) + b"B\xff\xff\xff\xff"), id="4 GiB, as it says"),
        pytest.param("A" * 4_000_000, id="4 MB in the header"),
    ],
)
def test_a_bomb_is_refused_before_it_goes_off(payload):
    at = proof()
    place = at.place(at.preimage(Ask(chat())))
    assert at.get(place, "AAAA").status == 400  # all is loaded that is needed
    tracemalloc.start()
    try:
        assert at.get(place, payload).status == 400
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20
    assert untouched(at)


def test_a_compressed_body_is_not_unpacked():
    at = proof()
    body = zlib.compress(bytes(50 * 2**20))
    tracemalloc.start()
    try:
        answer = at.ask(Ask(body, headers=(("content-encoding", "deflate"),)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 2**20
    assert answer.header("cache-control") == "no-store"
    assert at.model.asked[0].body == body
    assert at.store.written == {}


# --- Headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["a\r\nx-api-key: k", "a\nx-api-key: k", "a\rb", "a\0b", "\r\n\r\nGET / HTTP/1.1", "\n"]
)
@pytest.mark.parametrize("name", ["x-anything", "openai-beta", "content-type", "inference-cache", "inference-payload"])
def test_a_line_break_in_a_header_is_refused_wherever_it_stands(name, value):
    at = proof()
    place = at.place(at.preimage(Ask(chat())))
    assert at.ask(Ask(chat(temperature=1), headers=((name, value),))).status == 400
    assert at.ask(Ask(chat(), headers=((name, value),))).status == 400
    assert raw_get(at, place, (name, value)).status == 400
    assert untouched(at)


@pytest.mark.parametrize(
    "name",
    ["x-a\r\nx-api-key", "x-a\n", "x a", "transfer-encoding ", " content-length", "x-a:b", "x-\0", "", "h\u00e9"],
)
def test_a_header_whose_name_is_none_never_reaches_the_model(name):
    """RFC 9110 section 5.1: a name is a token. With a space after it, it is another header to some servers."""
    at = proof()
    at.ask(Ask(chat(temperature=1), headers=((name, "chunked"),)))
    assert name not in {sent for asked in at.model.asked for sent, _ in asked.headers}


def test_two_keys_are_no_key():
    at = said_once(proof())
    mallory, alice = ((("authorization", f"Bearer {key_of(it).text}")) for it in ("mallory", "alice"))
    joined = ("authorization", f"{mallory[1]}, {alice[1]}")
    for lines in ((mallory, alice), (alice, mallory), (alice, alice), (joined,), (alice, ("authorization", ""))):
        answer = at.handle(Request(method="POST", path=CHAT, headers=lines, body=chat(PROMPT)))
        assert answer.status == 401
    assert untouched(at, 1)


@pytest.mark.parametrize("text", ["Basic", "Bearer", "bearer  {}  x", "Bearer {},", "Bearer\t{}", "Token {}", "{}"])
def test_a_key_stands_in_one_place_alone(text):
    at = said_once(proof())
    lines = (("authorization", text.format(key_of("alice").text)),)
    assert at.handle(Request(method="POST", path=CHAT, headers=lines, body=chat(PROMPT))).status == 401
    others = (("x-api-key", key_of("alice").text), ("proxy-authorization", f"Bearer {key_of('alice').text}"))
    assert at.handle(Request(method="POST", path=CHAT, headers=others, body=chat(PROMPT))).status == 401
    assert untouched(at, 1)


def test_two_payloads_are_no_payload():
    at = proof()
    first, second = (at.preimage(Ask(chat(text))) for text in ("one", "two"))
    lines = [("inference-payload", encode_payload(preimage)) for preimage in (first, second)]
    for place in (at.place(first), at.place(second)):
        for both in (lines, lines[::-1], [lines[0]] * 2):
            assert raw_get(at, place, *both).status == 400
    assert untouched(at)


def test_what_connection_names_ends_here():
    """RFC 9110 section 7.6.1. It is not kept from being seen, either: what the key is made of stays in it."""
    at = proof()
    named = (("connection", "close, X-Secret"), ("x-secret", "1"), ("keep-alive", "5"))
    at.ask(Ask(chat(temperature=1), headers=(*named, ("x-other", "2"))))
    assert ("x-other", "2") in at.model.asked[0].headers
    assert not {"connection", "x-secret", "keep-alive"} & {name for name, _ in at.model.asked[0].headers}
    at.model.asked.clear()
    hidden = (("connection", "openai-beta, anthropic-beta"), ("openai-beta", "v2"))
    answers = {at.ask(Ask(chat(), headers=lines)).body for lines in (hidden, (), (("openai-beta", "v2"),))}
    assert len(answers) == len(at.model.asked) == 2
    at.ask(Ask(chat(), headers=(("connection", "anthropic-beta"), ("anthropic-beta", "a"))))
    assert len(at.store.written) == 2


@pytest.mark.parametrize("body", [chat(), chat(temperature=1)], ids=["stored", "passed"])
def test_the_framing_of_the_request_is_not_the_framing_of_what_the_model_is_sent(body):
    tricks = (
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity, chunked"),
        ("content-length", "5"),
        ("content-length", "0"),
        ("te", "trailers"),
        ("trailer", "x-a"),
        ("upgrade", "h2c"),
        ("expect", "100-continue"),
        ("host", "internal.example.com"),
        ("proxy-connection", "keep-alive"),
        ("accept-encoding", "br"),
    )
    at = proof()
    assert at.ask(Ask(body, headers=tricks)).status == 200
    assert {name for name, _ in at.model.asked[0].headers} <= {"content-type"}
    assert json.loads(at.model.asked[0].body) == json.loads(body)


def test_what_is_told_on_the_way_is_not_told_to_the_model():
    at = proof()
    ours = (
        ("authorization", "set by the test"),
        ("inference-payload", "AAAA"),
        ("x-inference-edge-cache-origin", "the CDN's proof of itself"),
        ("x-forwarded-for", "192.0.2.1"),
        ("forwarded", "for=192.0.2.1"),
        ("via", "1.1 a"),
    )
    at.ask(Ask(chat(temperature=1), headers=ours[1:]))
    assert not dict(ours).keys() & {name for name, _ in at.model.asked[0].headers}
    assert key_of("alice").text not in repr(at.model.asked[0].headers)


def test_no_cache_on_the_way_is_told_to_keep_what_is_not_stored():
    lines = (
        ("cache-control", "public, max-age=31536000"),
        ("cdn-cache-control", "max-age=31536000"),
        ("surrogate-control", "max-age=31536000"),
        ("expires", "Thu, 01 Jan 2099 00:00:00 GMT"),
        ("etag", '"e"'),
        ("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("age", "0"),
    )
    at = proof(answering(500, b"{}", (*JSON, *lines)))
    for ask in (Ask(chat()), Ask(chat(temperature=1))):
        headers = at.ask(ask).headers
        assert [value for name, value in headers if name == "cache-control"] == ["no-store"]
        assert not dict(lines[1:]).keys() & {name for name, _ in headers}


# --- What changes the answer, and is in no key ------------------------------------------------------------------------


def echoing(request):
    """A model that says all that it was sent: what it is sent and the key does not know would be in its answer."""
    said = json.dumps({"query": request.query, "headers": request.headers, "body": request.body.decode("latin-1")})
    return answering(200, chat_answer(said))(request)


def echo(response):
    return json.loads(json.loads(response.body)["choices"][0]["message"]["content"])


def test_an_ignored_field_cannot_be_echoed_to_others():
    at = proof(echoing)
    for ask in (Ask(chat(user="mallory's <script>", metadata={"a": "poison"})), Ask(chat(user="u-1")), Ask(chat())):
        for answer in (at.ask(ask), at.fetch(ask)):
            assert json.loads(echo(answer)["body"]) == json.loads(chat())
    assert len(at.model.asked) == 1


def test_a_header_that_no_key_knows_cannot_be_echoed_to_others():
    at = proof(echoing)
    poison = (("x-language", "fr"), ("cookie", "poison"), ("accept-language", "fr"), ("x-http-method-override", "PUT"))
    assert echo(at.ask(Ask(chat(), headers=poison)))["headers"] == []
    assert len(at.model.asked) == 1
    assert echo(at.ask(Ask(chat())))["headers"] == []


def test_neither_can_a_header_that_stands_beside_a_payload():
    """A GET has its key headers in the payload. A CDN keys on the path alone, and so does the gateway."""
    at = proof(echoing)
    preimage = at.preimage(Ask(chat(), headers=(("openai-beta", "v1"),)))
    lines = (("openai-beta", "v2"), ("anthropic-beta", "a"), ("accept", "text/csv"), ("x-language", "fr"))
    answer = at.get(at.place(preimage), encode_payload(preimage), *lines)
    assert echo(answer)["headers"] == [["openai-beta", "v1"]]
    assert len(at.store.written) == 1


@pytest.mark.parametrize(
    "ask",
    [
        Ask(chat(), headers=(("anthropic-beta", "a"),)),
        Ask(chat(), headers=(("anthropic-version", "2023-06-01"),)),
        Ask(chat(), headers=(("accept", "text/csv"),)),
        Ask(chat(), headers=(("content-type", "text/csv"),)),
        Ask(chat(), query="temperature=2"),
        Ask(chat(), query="?"),
        Ask(chat(), query="%00"),
    ],
)
def test_what_changes_the_answer_and_is_in_no_key_is_passed_and_not_kept(ask):
    at = proof(echoing)
    assert echo(at.ask(ask))["query"] == ask.query
    assert at.store.written == {}
    assert echo(at.ask(Ask(chat()))) == {"query": "", "headers": [], "body": echo(at.ask(Ask(chat())))["body"]}
    assert len(at.store.written) == 1


@pytest.mark.parametrize("query", ["a=1", "temperature=2", "=", "%3F", "/~/"])
def test_a_query_of_a_cacheable_form_is_refused(query):
    at = said_once(proof())
    preimage = at.preimage(Ask(chat(PROMPT)))
    assert raw_get(at, at.place(preimage), query=query).status == 400
    fresh = at.preimage(Ask(chat("new")))
    payload = ("inference-payload", encode_payload(fresh))
    assert raw_get(at, at.place(fresh), payload, query=query).status == 400
    assert untouched(at, 1)


@pytest.mark.parametrize(
    "line",
    [
        ("inference-cache", "refresh"),
        ("inference-cache", "bypass"),
        ("inference-cache", "BYPASS"),
        ("inference-cache", ""),
        ("inference-cache-ttl", "0"),
        ("inference-cache-ttl", "9" * 5000),
        ("inference-cache-ttl", "x"),
    ],
)
def test_a_control_on_a_get_is_refused(line):
    at = said_once(proof())
    preimage = at.preimage(Ask(chat(PROMPT)))
    assert raw_get(at, at.place(preimage), line, ("inference-payload", encode_payload(preimage))).status == 400
    assert raw_get(at, at.place(preimage), line, line).status == 400
    assert untouched(at, 1)


def test_controls_that_contradict_each_other_are_refused():
    at = said_once(proof())
    for lines in (
        (("inference-cache", "bypass"), ("inference-cache", "refresh")),
        (("inference-cache", "refresh"), ("inference-cache", "refresh")),
        (("inference-cache-ttl", "0"), ("inference-cache-ttl", "999999999")),
    ):
        assert at.ask(Ask(chat(PROMPT), headers=lines)).status == 400
    assert untouched(at, 1)


# --- Paths ------------------------------------------------------------------------------------------------------------


def variations(place):
    route, generation, scope, key = (
        str(getattr(parse_path(place), it)) for it in ("route", "generation", "scope", "key")
    )
    yield from (place + "/", place + "//", "/" + place, place.replace("/~/", "//~/"), place.replace("/~/", "/~//"))
    yield from (place.replace("~", "%7E"), place.replace("~", "%7e"), place.replace("/~/", "%2F~%2F"), place + "%00")
    yield from (place.replace("/v1/", "/v1/./"), place.replace("/v1/", "/x/../v1/"), place.replace("/v1/", "/v1%2F"))
    yield from (place.replace("/v1/", "/%76%31/"), place.replace("/v1/", "/V1/"), place.upper(), place.swapcase())
    yield from (f"{place}/..", f"{place}/.", f"{place};a=1", f"{place}?", f"{place}#", f"{place} ", f"\t{place}")
    yield from (place.replace("/", "\\"), place[1:], f"http://example.com{place}", f"//example.com{place}")
    yield from (f"{route}/~/{generation}/{scope}/../{scope}/{key}", f"{route}/~/../~/{generation}/{scope}/{key}")
    yield from (f"{route}/~/{generation}/../{generation}/{scope}/{key}", f"{place}/{key}", f"{place}={key}")
    yield from (place[:-1], place + "A", place[:-1] + "B", f"{place}=", place.replace(scope, scope[:-1]))
    yield from (f"{route}/~/{generation}/{scope}/", f"{route}/~/{generation}/{scope}", f"{route}/~/", f"{route}/~")
    yield from (place.replace(key, key[:-1] + chr(ord(key[-1]) ^ 0x20)), place.replace("e", "\u0435"), place + "\u200b")
    yield from (
        place.replace(key, "." * 43),
        place.replace(key, "%2e%2e"),
        f"{route}/~/{generation}/{scope}/{'A' * 43}",
    )


@pytest.mark.parametrize("folder", [False, True], ids=["memory", "folder"])
def test_a_path_is_met_exactly_or_not_at_all(tmp_path, folder):
    at = said_once(proof(store=FolderStore(tmp_path) if folder else None))
    preimage = at.preimage(Ask(chat(PROMPT)))
    place = at.place(preimage)
    tried = set(variations(place))
    assert place not in tried
    assert len(tried) > 40
    for path in tried:
        answers = [raw_get(at, path), at.get(path, encode_payload(preimage)), at.get(path, method="HEAD")]
        answers.append(at.handle(Request(method="POST", path=path, body=chat(PROMPT))))
        assert {answer.status for answer in answers} <= {400, 404, 405, 428}, path
        assert not any(SECRET_ANSWER.encode() in answer.body for answer in answers)
    assert untouched(at, 1)
    assert SECRET_ANSWER.encode() in raw_get(at, place).body


def test_a_payload_of_an_old_generation_is_not_run_again():
    store = MemoryStore()
    before, after = (proof(config=shipped(generation=it), store=store) for it in ("1", "2"))
    before.model.script = answering(200, chat_answer("outdated"))
    assert before.ask(Ask(chat())).status == 200
    preimage = before.preimage(Ask(chat()))
    old = before.place(preimage)
    for answer in (after.get(old, encode_payload(preimage)), raw_get(after, old), after.get(old, method="HEAD")):
        assert answer.status == 428
        assert b"outdated" not in answer.body
    assert untouched(after)
    # Under the new generation it is the same request, and asks anew.
    assert b"outdated" not in after.get(after.place(preimage), encode_payload(preimage)).body
    assert len(after.model.asked) == 1


def test_generations_that_never_were_are_told_from_nothing():
    at = said_once(proof())
    place = parse_path(at.place(at.preimage(Ask(chat(PROMPT)))))
    for generation in ("A" * 12, "_" * 12, place.generation.swapcase()):
        answer = raw_get(at, inference_path(CHAT, generation, place.scope, place.key))
        assert (answer.status, json.loads(answer.body)["generation"]) == (428, place.generation)
    assert untouched(at, 1)


# --- A store that somebody has changed --------------------------------------------------------------------------------


def flipped(content):
    return content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(flipped, id="a bit flipped"),
        pytest.param(lambda content: content[:-1], id="cut short"),
        pytest.param(lambda content: content + b" ", id="longer"),
        pytest.param(
            lambda content: content.replace(SECRET_ANSWER.encode(), b"the moon is made of cheese, says all"), id="text"
        ),
        pytest.param(lambda content: b"", id="nothing left"),
        pytest.param(lambda content: b"<html>", id="something else"),
        pytest.param(
            lambda content: content.replace(str(NOON).encode(), str(NOON + 10**8).encode()), id="made younger"
        ),
        pytest.param(lambda content: content.replace(b"application/json", b"text/html; xxxxx"), id="another type"),
    ],
)
def test_a_changed_object_is_asked_anew_and_replaced(tmp_path, change):
    at = said_once(proof(store=FolderStore(tmp_path)))
    [file] = [it for it in tmp_path.rglob("*") if it.is_file() and SECRET_ANSWER.encode() in it.read_bytes()]
    assert change(file.read_bytes()) != file.read_bytes()
    file.write_bytes(change(file.read_bytes()))
    place = at.place(at.preimage(Ask(chat(PROMPT))))
    assert raw_get(at, place).status == 428
    for _ in range(2):
        assert at.ask(Ask(chat(PROMPT))).body == chat_answer(SECRET_ANSWER)
    assert len(at.model.asked) == 1
    assert raw_get(at, place).body == chat_answer(SECRET_ANSWER)


# --- Nothing is told --------------------------------------------------------------------------------------------------


def everything_wrong(at):
    """Requests of somebody without a right to anything, and of alice when all goes wrong."""
    preimage = at.preimage(Ask(chat(PROMPT)))
    place, payload = at.place(preimage), encode_payload(preimage)
    for name, guessed, with_payload in guesses(at):
        yield name, raw_get(at, guessed)
        yield name, at.get(guessed, with_payload)
    for path in variations(place):
        yield path, raw_get(at, path)
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "POST", "", "\0"):
        yield method, at.handle(Request(method=method, path=CHAT, body=chat(PROMPT)))
        yield method, at.handle(Request(method=method, path=DISCOVERY_PATH, body=chat(PROMPT)))
        yield method, at.handle(Request(method=method, path="/.well-known/inference-edge-cache/health"))
    for made in ({"body": chat(PROMPT)}, {"body": b"{"}, {"body": preimage.body, "headers": (("x-api-key", "k"),)}):
        yield "forged", at.get(*forged(at, **made))
    yield "no key", at.handle(Request(method="POST", path=CHAT, body=chat(PROMPT)))
    yield "control", at.ask(Ask(chat(PROMPT), headers=(("inference-cache", PROMPT),)))
    yield "control", at.ask(Ask(chat(PROMPT), headers=(("inference-cache-ttl", PROMPT),)))
    yield "payload", at.get(place, payload, ("inference-cache", PROMPT))
    for script in (down, buggy, broken):
        at.model.script = script
        for ask in (Ask(chat(f"{PROMPT} again")), Ask(chat(PROMPT, temperature=1)), Ask(f"{PROMPT}{{".encode())):
            yield script.__name__, at.ask(ask)
            yield script.__name__, at.post(ask.body, live=True)


def down(_):
    raise ModelFailed(502, "the model did not answer")


def buggy(request):
    raise KeyError(request.headers, request.body)


def broken(request):
    return failing_after([SECRET_ANSWER.encode()], RuntimeError(request.body.decode()))(request)


class Telling:
    """A store whose errors say no more than they may, and which fails in other ways, too."""

    def __init__(self, inner, error):
        self.inner, self.error = inner, error

    def get(self, path):
        raise self.error

    def put(self, path, result, cache_control, replaces=None):
        raise self.error


@pytest.mark.parametrize(
    "error", [None, StoreFailed("s3: SlowDown"), ValueError(f"{PROMPT}: {SECRET_ANSWER}")], ids=["up", "down", "bug"]
)
def test_no_answer_header_or_log_line_says_a_secret(caplog, error):
    caplog.set_level(logging.DEBUG)
    at = said_once(proof())
    place = at.place(at.preimage(Ask(chat(PROMPT))))
    if error:
        at.store.inner = Telling(at.store.inner, error)
    alice, mallory = key_of("alice"), key_of("mallory")
    secrets = {
        "the prompt": PROMPT,
        "alice's answer": SECRET_ANSWER,
        "the path of alice's answer": parse_path(place).key,
        "the master secret": MASTER.decode(),
        **{f"key of {it.scope}": it.text.rpartition(".")[2] for it in (alice, mallory)},
        **{f"key of {it.scope} in hex": it.key.hex() for it in (alice, mallory)},
        **{f"key of {it.scope} in base64": base64.b64encode(it.key).decode() for it in (alice, mallory)},
    }
    seen = 0
    for attempt, answer in everything_wrong(at):
        chunks = answer.chunks or ()
        told = [f"{name}: {value}" for name, value in answer.headers] + [answer.body.decode("latin-1"), repr(answer)]
        try:
            told += [each.decode("latin-1") for each in chunks]
        except (ModelFailed, RuntimeError) as stopped:
            told.append(str(stopped) if isinstance(stopped, ModelFailed) else "")
        for name, secret in secrets.items():
            assert not any(secret in each for each in told), (attempt, name)
        seen += 1
    assert seen > 100
    logged = caplog.text + "".join(repr(record.args) for record in caplog.records)
    assert [name for name, secret in secrets.items() if secret in logged] == []
    assert error is None or "the store could not be read" in logged or "the gateway failed: ValueError" in logged


def test_what_is_printed_of_a_request_or_an_answer_is_not_what_is_in_it():
    at = said_once(proof())
    request = Request(method="POST", path=CHAT, headers=(("authorization", "Bearer k-1"),), body=PROMPT.encode())
    printed = repr(
        (
            request,
            at.ask(Ask(chat(PROMPT))),
            Result(SECRET_ANSWER.encode(), "application/json", NOON),
            ModelAnswer(200, (("x-key", "k-1"),), (piece for piece in [SECRET_ANSWER.encode()])),
            at.preimage(Ask(chat(PROMPT))),
            key_of("alice"),
            api_key_of_scope(MASTER, "A" * 12),
            Keyring((MASTER,)),
        )
    )
    for secret in (PROMPT, SECRET_ANSWER, "k-1", MASTER.decode(), key_of("alice").text.rpartition(".")[2]):
        assert secret not in printed
