"""Whatever is sent to a gateway, it answers, and with nobody else's answer.

The gateways of most tests live through all of the examples, so that their stores fill up with answers to be mixed up.
"""

import base64
import json
import string
import zlib
from decimal import Decimal
from email.utils import formatdate

import http_sf
import pytest
import rfc8785
from gateway_kit import CHAT, EMBEDDINGS, MASTER, NOON, SSE, chat_answer, chat_body
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from proof_kit import (
    CLASSIFY,
    COMPLETIONS,
    CONVERSE,
    PREDICT,
    RESPONSES,
    ROUTES,
    SAGEMAKER,
    Ask,
    chat,
    digesting,
    embedding,
    events,
    proof,
    response,
    shipped,
)

from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.gateway.config import parse_gateway_config
from inference_edge_cache.gateway.gateway import HEALTH_PATH
from inference_edge_cache.gateway.keyring import Keyring
from inference_edge_cache.gateway.messages import Request, Response
from inference_edge_cache.gateway.model import ModelAnswer, ModelFailed, ModelRequest
from inference_edge_cache.gateway.passing import passed_headers
from inference_edge_cache.gateway.store import Damaged, StoreFailed
from inference_edge_cache.protocol import (
    DISCOVERY_PATH,
    PUBLIC_API_KEY,
    Bypass,
    Preimage,
    derive_api_key,
    encode_payload,
    storable_request,
)


def untimed(examples):
    """A busy machine is not a bug."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(max_examples=examples, deadline=None, suppress_health_check=slow)


KEY = derive_api_key(MASTER, "alice").text
AUTHORIZATION = ("authorization", f"Bearer {KEY}")
SAMPLES = [
    chat(),
    chat("another", stream=True),
    chat(temperature=0.7),
    chat(user="u-1"),
    response(),
    embedding(["a", "b"]),
    b'{"instances":[1],"parameters":{"temperature":0}}',
    b'{"inputs":"hi","parameters":{"do_sample":false}}',
    b'{"messages":[],"inferenceConfig":{"temperature":0}}',
]


# --- What holds for every answer --------------------------------------------------------------------------------------

FORWARDED = {"bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial"}  # RFC 9211 section 2.2


def check(at, request, answer):
    """All that is true of an answer, whatever it is to. Reads what is relayed."""
    assert isinstance(answer, Response)
    assert 200 <= answer.status <= 599
    relayed = b"".join(answer.chunks) if answer.chunks is not None else None
    assert relayed is None or answer.body == b""
    named = [name for name, _ in answer.headers]
    assert all(name == name.lower() and name.isascii() and name for name in named)
    assert not any(set(value) & set("\r\n\0") for _, value in answer.headers)
    for name in ("cache-control", "cache-status", "content-length", "etag", "last-modified", "content-location"):
        assert named.count(name) <= 1, name
    length = answer.header("content-length")
    if request.method == "HEAD":
        assert answer.body == b""
    elif length is not None:
        assert int(length) == len(answer.body)
    _check_caching(at, request, answer)
    _check_status(request, answer)
    return answer.body if relayed is None else relayed


def _check_caching(at, request, answer):
    told = answer.header("cache-control")
    if answer.stored_at is None:
        own = request.path == DISCOVERY_PATH and answer.status == 200
        assert told == ("public, max-age=60" if own else "no-store")
        assert answer.header("etag") is None
        return
    assert told
    assert told.startswith("public, max-age=")
    assert answer.status in (200, 304)
    kept = at.store.written[answer.stored_at]
    if answer.status == 200 and request.method != "HEAD":
        assert answer.body == kept.body
    assert (answer.header("content-location") is not None) == (request.method == "POST")


def _check_status(request, answer):
    said = answer.header("cache-status")
    if said is None:
        assert request.path in (DISCOVERY_PATH, HEALTH_PATH)
        return
    [(name, parameters)] = http_sf.parse(said.encode("ascii"), tltype="list")
    assert str(name) == "inference-edge-cache"
    assert set(parameters) <= {"hit", "ttl", "fwd", "fwd-status", "stored", "collapsed", "detail"}
    assert ("hit" in parameters) + ("fwd" in parameters) + (set(parameters) == {"detail"}) == 1
    if "hit" in parameters:
        assert answer.stored_at is not None
        assert parameters["ttl"] >= 0
    if "fwd" in parameters:
        assert str(parameters["fwd"]) in FORWARDED
    if answer.stored_at is None:
        assert parameters["detail"]
    else:
        assert "detail" not in parameters


# --- Anything at all --------------------------------------------------------------------------------------------------

anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
route_paths = st.sampled_from([route.path for route in ROUTES])
segments = st.text(string.ascii_letters + string.digits + "-_~.%/", max_size=50)
paths = st.one_of(
    route_paths,
    st.sampled_from([DISCOVERY_PATH, HEALTH_PATH, "/", "", "*", "/~/", "//"]),
    st.builds("{}/~/{}/{}/{}".format, route_paths, segments, segments, segments),
    st.builds("{}{}".format, route_paths, segments),
    anything,
)
names = st.one_of(
    st.sampled_from(
        [
            *("authorization", "content-type", "content-encoding", "accept", "inference-payload", "inference-cache"),
            *(
                "inference-cache-ttl",
                "openai-beta",
                "anthropic-beta",
                "if-none-match",
                "if-modified-since",
                "connection",
            ),
            *("transfer-encoding", "content-length", "cookie", "x-amzn-sagemaker-target-model", "x-goog-fieldmask"),
        ]
    ),
    st.text(string.ascii_lowercase + "-", min_size=1, max_size=12),
)
values = st.one_of(
    st.sampled_from(
        [
            *(
                AUTHORIZATION[1],
                PUBLIC_API_KEY.text,
                "Bearer ",
                "application/json",
                "text/csv",
                "gzip",
                "identity",
                "*",
            ),
            *(
                "bypass",
                "refresh",
                "0",
                "60",
                "-1",
                "*/*;q=0",
                '"x"',
                "W/",
                formatdate(NOON, usegmt=True),
                "close",
                "AAAA",
            ),
        ]
    ),
    st.text(st.characters(codec="latin-1"), max_size=30),
    anything,
)
lines = st.lists(st.tuples(names, values), max_size=6).map(tuple)
bodies = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(SAMPLES),
    st.sampled_from(SAMPLES).flatmap(lambda body: st.integers(0, len(body)).map(lambda end: body[:end])),
)
requests = st.builds(
    Request,
    method=st.one_of(st.sampled_from(["GET", "HEAD", "POST", "POST", "PUT", "OPTIONS", "get", ""]), anything),
    path=paths,
    query=st.one_of(st.just(""), st.just(""), anything),
    headers=st.builds(lambda given, key: (*given, *([AUTHORIZATION] if key else [])), lines, st.booleans()),
    body=bodies,
)

KEYED = proof()
PUBLIC = proof(config=shipped(access="public"), keyring=Keyring.public())


def may_be_kept(at, request):
    """Whether the one definition of it, which the gateway shares with its clients, says that this may be stored."""
    route = at.config.edge.route(request.path)
    if route is None or request.method != "POST":
        return False
    found = storable_request(route.path, route.rules, request.headers, request.body, request.query)
    return not isinstance(found, Bypass)


@untimed(400)
@given(request=requests, live=st.booleans(), public=st.booleans())
def test_every_request_has_an_answer_and_only_what_may_be_kept_is(request, live, public):
    at = PUBLIC if public else KEYED
    before = set(at.store.written)
    check(at, request, at.handle(request, live=live))
    kept = set(at.store.written) - before
    # There is no payload among these that is proven, so that only a POST stores anything.
    assert not kept or may_be_kept(at, request)


@untimed(200)
@given(request=requests)
def test_without_a_key_the_model_is_never_asked(request):
    at = proof()
    without = tuple(line for line in request.headers if KEY not in line[1])
    asked = Request(method=request.method, path=request.path, query=request.query, headers=without, body=request.body)
    check(at, asked, at.handle(asked))
    assert (at.model.asked, at.store.written) == ([], {})


# --- One answer, the right one ----------------------------------------------------------------------------------------


def right_answer(at, request):
    """What the model says to a POST that has no cache before it."""
    route = at.config.edge.route(request.path)
    found = storable_request(route.path, route.rules, request.headers, request.body, request.query)
    headers = dict(request.headers)
    if isinstance(found, Preimage) and headers.get("inference-cache") != "bypass":
        asked = ModelRequest(path=route.path, headers=found.headers, body=found.body)
    else:
        passed = passed_headers(request.headers, keyed=True)
        asked = ModelRequest(path=route.path, query=request.query, headers=passed, body=request.body)
    return b"".join(digesting(asked).chunks)


harmless = st.lists(
    st.tuples(
        st.sampled_from(
            ["openai-beta", "anthropic-beta", "x-anything", "accept", "cookie", "x-amzn-sagemaker-target-model"]
        ),
        st.sampled_from(["a", "b", "application/json", "text/csv"]),
    ),
    max_size=2,
).map(tuple)


def mutated(data, draw):
    """``data`` with a few of its bytes changed, taken out, doubled or moved."""
    data = bytearray(data)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        how = draw(st.integers(0, 5))
        if how == 0 and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == 1:
            data[at:at] = draw(
                st.sampled_from([b" ", b"\n", b",", b'"', b"0", b".0", b"e0", b"\\u0000", b"{}", b"\xc3"])
            )
        elif how == 2:
            del data[at : at + draw(st.integers(1, 4))]
        elif how == 3:
            data[at:at] = data[at : at + draw(st.integers(1, 20))]
        elif how == 4 and data:
            data[at] = draw(st.integers(0, 255))
        else:
            data += draw(st.sampled_from([b" ", b"\0", b"}", b"\xef\xbb\xbf"]))
    return bytes(data)


@untimed(400)
@given(data=st.data())
def test_a_post_has_the_answer_to_what_was_posted(data):
    path = data.draw(
        st.sampled_from([CHAT, RESPONSES, COMPLETIONS, EMBEDDINGS, CLASSIFY, SAGEMAKER, CONVERSE, PREDICT])
    )
    body = mutated(data.draw(st.sampled_from(SAMPLES)), data.draw)
    headers = (AUTHORIZATION, *data.draw(harmless))
    request = Request(
        method="POST", path=path, query=data.draw(st.sampled_from(["", "", "a=1"])), headers=headers, body=body
    )
    answer = KEYED.handle(request)
    assert check(KEYED, request, answer) == right_answer(KEYED, request)
    assert answer.stored_at is None or may_be_kept(KEYED, request)


TEXTS = ["one", "two", "three"]


@untimed(300)
@given(data=st.data())
def test_a_get_has_the_answer_to_what_its_path_stands_for(data):
    """A path and a payload, each of them perhaps of another request, perhaps changed: the right answer or none."""
    at = KEYED
    asks = {text: Ask(chat(text, stream=text == "three")) for text in TEXTS}
    places = {text: at.place(at.preimage(ask)) for text, ask in asks.items()}
    right = {
        places[text]: right_answer(at, Request(method="POST", path=CHAT, body=ask.body)) for text, ask in asks.items()
    }
    place = mutated(places[data.draw(st.sampled_from(TEXTS))].encode(), data.draw).decode("latin-1")
    preimage = at.preimage(asks[data.draw(st.sampled_from(TEXTS))]).to_bytes()
    if data.draw(st.booleans()):
        compressor = zlib.compressobj(data.draw(st.integers(0, 9)), wbits=-15)
        packed = compressor.compress(mutated(preimage, data.draw)) + compressor.flush()
        payload = base64.urlsafe_b64encode(mutated(packed, data.draw)).rstrip(b"=").decode()
    else:
        payload = mutated(encode_payload(at.preimage(asks["one"])).encode(), data.draw).decode("latin-1")
    lines = (("inference-payload", payload),) if data.draw(st.booleans()) else ()
    request = Request(method=data.draw(st.sampled_from(["GET", "GET", "HEAD"])), path=place, headers=lines)
    answer = at.handle(request)
    said = check(at, request, answer)
    if answer.status == 200 and request.method == "GET":
        assert said == right[place]
    assert answer.status in (200, 400, 404, 428)
    assert set(at.store.written) & set(right) <= set(right)


# --- The same request, and another one --------------------------------------------------------------------------------

plain_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(lambda text: "://" not in text)
json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53) + 1, 2**53 - 1),
        st.floats(-1e15, 1e15, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-300),
        plain_text,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(plain_text, inner, max_size=4)),
    max_leaves=10,
)
WHITESPACE = st.text(" \t\r\n", max_size=2)


def written(value, draw):
    """JSON for ``value`` in one of the many ways to write it."""
    space = draw(WHITESPACE)
    if isinstance(value, dict):
        members = draw(st.permutations(sorted(value.items())))
        inside = ",".join(f"{space}{_text(name, draw)}:{written(item, draw)}" for name, item in members)
        return f"{{{inside}{draw(WHITESPACE)}}}"
    if isinstance(value, list):
        return f"[{','.join(written(item, draw) for item in value)}{space}]"
    if isinstance(value, str):
        return space + _text(value, draw)
    if isinstance(value, bool) or value is None:
        return json.dumps(value) + space
    return space + draw(st.sampled_from(_forms(value)))


def _text(text, draw):
    escaped = draw(st.booleans())
    if not draw(st.booleans()):
        return json.dumps(text, ensure_ascii=escaped)
    units = text.encode("utf-16-be").hex()
    return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'


def _forms(number):
    """One value, written as integers and decimals, with and without exponents."""
    exact = Decimal(repr(number))
    forms = [repr(number), f"{exact:e}", f"{exact:E}", f"{exact.scaleb(3):f}e-3", f"{exact.scaleb(-2):f}e+2"]
    if number == 0:
        forms += ["-0", "0.0", "-0.0", "0e9", "-0E-5"]
    elif number == int(number):
        forms += [f"{int(number)}.0", f"{int(number)}.000e0"]
    return forms


REWRITTEN = proof()


@untimed(120)
@given(extra=json_values, data=st.data())
def test_a_request_written_in_another_way_is_not_asked_again(extra, data):
    document = json.loads(chat()) | {"extra_body": extra}
    at = REWRITTEN
    first = at.ask(Ask(written(document, data.draw).encode()))
    assume(first.stored_at)  # a name such as file_id may be in it
    asked = len(at.model.asked)
    for _ in range(3):
        assert at.ask(Ask(written(document, data.draw).encode())).body == first.body
    assert len(at.model.asked) == asked


def changed(value, draw):
    """``value`` with one thing in it changed."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(value)))
        how = draw(st.integers(0, 2))
        rest = {other: item for other, item in value.items() if other != name}
        return rest | ({}, {name + "x": value[name]}, {name: changed(value[name], draw)})[how]
    if isinstance(value, dict):
        return value | {draw(plain_text): draw(json_values)}
    if isinstance(value, list) and value and draw(st.booleans()):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], changed(value[at], draw), *value[at + 1 :]]
    if isinstance(value, list):
        return draw(st.sampled_from([value[::-1], [*value, None], value[1:], [value]]))
    if isinstance(value, str):
        return draw(st.sampled_from([value + " ", value.swapcase(), value[1:], [value], " " + value, value + "\u0301"]))
    if isinstance(value, bool) or value is None:
        return draw(st.sampled_from([True, False, None, 0, 1, "null", "true"]))
    return draw(st.sampled_from([value + 1, -value, value * 2, str(value), value / 2]))


@untimed(150)
@given(extra=json_values, data=st.data())
def test_a_request_with_anything_changed_is_asked_again(extra, data):
    """Whether two documents are different is up to the reference implementation of RFC 8785 here."""
    one = json.loads(chat()) | {"extra_body": extra}
    other = one | {"extra_body": changed(extra, data.draw)}
    try:
        assume(rfc8785.dumps(one) != rfc8785.dumps(other))
    except rfc8785.CanonicalizationError:
        assume(False)
    at = proof()
    first, second = (at.ask(Ask(json.dumps(it).encode())) for it in (one, other))
    assert first.body != second.body
    assert len(at.model.asked) == 2


# --- Models and stores that do anything -------------------------------------------------------------------------------

header_values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
model_lines = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("content-type", "cache-control", "etag", "set-cookie", "age", "vary", "content-encoding", "x-any"),
                *("content-length", "transfer-encoding", "cache-status", "location", "x-litellm-attempted-fallbacks"),
            ]
        ),
        st.one_of(
            header_values, st.sampled_from(["application/json", "text/event-stream", "public, max-age=9", "gzip"])
        ),
    ),
    max_size=4,
).map(tuple)
pieces = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.just(chat_answer()),
        st.sampled_from(events({"choices": [], "model": "m"})),
        st.just(b"[" * 5000),
    ),
    max_size=4,
)
errors = st.sampled_from(
    [
        ModelFailed(502, "no"),
        ModelFailed(504, "late"),
        StoreFailed("down"),
        KeyError("a"),
        ValueError(),
        RecursionError(),
    ]
)


@untimed(250)
@given(
    status=st.integers(200, 599),
    given_lines=st.one_of(st.just((("content-type", "application/json"),)), st.just(SSE), model_lines),
    given_pieces=pieces,
    raises=st.none() | errors,
    breaks=st.none() | errors,
    live=st.booleans(),
    ask=st.sampled_from([Ask(body, path) for body in SAMPLES for path in (CHAT, RESPONSES, EMBEDDINGS, CLASSIFY)]),
)
def test_whatever_a_model_does_there_is_an_answer_and_only_200_is_kept(
    status, given_lines, given_pieces, raises, breaks, live, ask
):
    def script(_):
        if raises:
            raise raises

        def chunks():
            yield from given_pieces
            if breaks:
                raise breaks

        return ModelAnswer(status, given_lines, chunks())

    at = proof(script)
    request = Request(method="POST", path=ask.route, headers=(AUTHORIZATION,), body=ask.body)
    try:
        check(at, request, at.handle(request, live=live))
    except Exception as broke_off:  # what is relayed breaks off when the model does
        if not (live and broke_off is breaks) and not isinstance(broke_off, ModelFailed):
            raise
    if raises or breaks or status != 200 or not may_be_kept(at, request):
        assert at.store.written == {}
    assert all(result.body == b"".join(given_pieces) for result in at.store.written.values())


@untimed(100)
@given(
    on_get=st.none() | errors | st.just(Damaged("v")),
    on_put=st.none() | errors | st.just("taken"),
    method=st.sampled_from(["GET", "POST"]),
)
def test_whatever_a_store_does_there_is_an_answer(on_get, on_put, method):
    class Strange:
        def get(self, path):
            if isinstance(on_get, Exception):
                raise on_get
            return on_get

        def put(self, *_):
            if isinstance(on_put, Exception):
                raise on_put
            return None if on_put else proof().store.inner.put(*_)

    at, ask = proof(), Ask(chat())
    at.store.inner = Strange()
    preimage = at.preimage(ask)
    lines = (("inference-payload", encode_payload(preimage)),) if method == "GET" else (AUTHORIZATION,)
    path, body = (at.place(preimage), b"") if method == "GET" else (CHAT, ask.body)
    request = Request(method=method, path=path, headers=lines, body=body)
    answer = at.handle(request)
    said = check(at, request, answer)
    promised = [
        error for error in (on_get, on_put) if isinstance(error, Exception) and not isinstance(error, StoreFailed)
    ]
    if not promised:
        assert (answer.status, said) == (200, right_answer(at, Request(method="POST", path=CHAT, body=ask.body)))


# --- Conditions -------------------------------------------------------------------------------------------------------

numbers = st.one_of(st.integers(-1, 70), st.integers(), st.sampled_from([9999, 10**20, 10**400]))
dates = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Mon", "Thu", "x"]),
    numbers,
    st.sampled_from(["Jan", "Feb", "Dec", "x"]),
    numbers,
    numbers,
    numbers,
    numbers,
    st.one_of(st.sampled_from(["GMT", "EST", "-0000", "+2400", ""]), numbers.map("{:+}".format)),
)


@untimed(300)
@given(name=st.sampled_from(["if-none-match", "if-modified-since"]), value=st.one_of(dates, anything, header_values))
def test_a_condition_never_keeps_a_stored_answer_back(name, value):
    at = KEYED
    preimage = at.preimage(Ask(chat()))
    assume(not set(value) & set("\r\n\0"))
    at.ask(Ask(chat()))
    request = Request(method="GET", path=at.place(preimage), headers=((name, value),))
    answer = at.handle(request)
    assert answer.status in (200, 304)
    check(at, request, answer)


@pytest.mark.parametrize(
    "value",
    [
        "Mon, 01 Jan 99999999999999999999999 00:00:00 GMT",
        "Mon, 99999999999999999999999 Jan 2027 00:00:00 GMT",
        "Mon, 01 Jan 2027 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 2027 00:00:00 +9999",
        "Mon, 01 Jan 10000 00:00:00 GMT",
        "Mon, 31 Feb 2027 00:00:00 GMT",
        "1800000000",
        "9" * 5000,
        "",
    ],
)
def test_a_date_that_is_none_is_no_condition(value):
    """RFC 9110 section 13.1.3: a recipient must ignore it if it is not a valid date."""
    at = proof()
    at.ask(Ask(chat()))
    assert at.get(at.place(at.preimage(Ask(chat()))), None, ("if-modified-since", value)).status == 200


# --- Configurations ---------------------------------------------------------------------------------------------------

CONFIG = shipped().to_json()
loose_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | anything,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=3),
    max_leaves=8,
)


def parsed(document):
    """What the bytes stand for; ``None`` when they were refused as they should be."""
    try:
        return parse_gateway_config(document)
    except EdgeCacheError:
        return None


@untimed(300)
@given(document=st.one_of(st.binary(max_size=80), loose_json.map(lambda value: json.dumps(value).encode())))
def test_bytes_that_are_no_configuration_are_refused_in_words(document):
    assert parsed(document) is None


@untimed(250)
@given(data=st.data())
def test_a_changed_configuration_is_refused_or_is_one(data):
    fields = json.loads(CONFIG)
    place = fields
    while True:
        name = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[name], dict | list) or not place[name] or not data.draw(st.integers(0, 4)):
            break
        place = place[name]
    place[name] = data.draw(st.one_of(loose_json, st.integers(), st.sampled_from(["", "keyed", "/", 0, -1, 10**30])))
    found = parsed(json.dumps(fields).encode())
    assert found is None or parse_gateway_config(found.to_json()) == found


@untimed(200)
@given(data=st.data())
def test_a_configuration_with_bytes_changed_is_refused_or_is_one(data):
    found = parsed(mutated(CONFIG, data.draw))
    assert found is None or parse_gateway_config(found.to_json()) == found


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"[" * 100_000, id="brackets"),
        pytest.param(b'{"edge":' * 100_000, id="objects"),
        pytest.param(b'{"edge":' + b"[" * 900 + b"]" * 900 + b',"results":{}}', id="deep and whole"),
        pytest.param(b"9" * 5000, id="a long number"),
        pytest.param(b"\xff\xfe" + "{}".encode("utf-16-le"), id="UTF-16"),
        pytest.param(b'{"edge":"\\ud800","results":{}}', id="a surrogate"),
        pytest.param(CONFIG[:-1], id="cut short"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_configuration_that_no_parser_likes_is_refused_in_words(document):
    with pytest.raises(EdgeCacheError):
        parse_gateway_config(document)


# --- Any order of events ----------------------------------------------------------------------------------------------


class Days(RuleBasedStateMachine):
    """Two tenants, three questions, every control, and time. The model numbers its answers and knows when it gave them.

    Each answer is one to the question that was asked, of the tenant who asked it, and as young as it was to be.
    """

    QUESTIONS = st.sampled_from([chat_body(text) for text in TEXTS])
    TENANTS = st.sampled_from(["alice", "bob"])
    OLDEST = 86_400

    @initialize()
    def begin(self):
        self.given = []
        self.at = proof(self._say)
        self.down = False

    def _say(self, request):
        if self.down:
            raise ModelFailed(502, "the model did not answer")
        self.given.append((request.body, self.tenant, self.at.clock.seconds, request.headers))
        body = chat_answer(str(len(self.given) - 1))
        return ModelAnswer(200, (("content-type", "application/json"),), (piece for piece in [body]))

    def _asked(self, question, tenant, *control):
        """The number of the answer; ``None`` for none."""
        self.tenant, before = tenant, len(self.given)
        answer = self.at.ask(Ask(question, headers=control, tenant=tenant))
        if answer.status == 502:
            assert self.down
            assert len(self.given) == before
            return None, False
        number = int(json.loads(answer.body)["choices"][0]["message"]["content"])
        body, whose, _, _ = self.given[number]
        assert json.loads(body) == json.loads(question)
        assert whose == tenant
        return number, number >= before

    def _age(self, number):
        return self.at.clock.seconds - self.given[number][2]

    @rule(question=QUESTIONS, tenant=TENANTS)
    def ask(self, question, tenant):
        number, _ = self._asked(question, tenant)
        assert number is None or self._age(number) < self.OLDEST

    @rule(question=QUESTIONS, tenant=TENANTS, seconds=st.sampled_from([0, 1, 60, 3600, 86_400, 999_999_999]))
    def ask_for_a_young_one(self, question, tenant, seconds):
        number, fresh = self._asked(question, tenant, ("inference-cache-ttl", str(seconds)))
        assert number is None or fresh or self._age(number) < min(seconds, self.OLDEST)

    @rule(question=QUESTIONS, tenant=TENANTS)
    def refresh(self, question, tenant):
        number, fresh = self._asked(question, tenant, ("inference-cache", "refresh"))
        assert number is None or fresh
        if number is not None:
            assert self._asked(question, tenant) == (number, False)

    @rule(question=QUESTIONS, tenant=TENANTS)
    def bypass(self, question, tenant):
        written = dict(self.at.store.written)
        number, fresh = self._asked(question, tenant, ("inference-cache", "bypass"))
        assert number is None or fresh
        assert self.at.store.written == written

    @rule(question=QUESTIONS, tenant=TENANTS)
    def look(self, question, tenant):
        """By the path alone, which never asks the model."""
        before = len(self.given)
        preimage = self.at.preimage(Ask(question))
        answer = self.at.get(self.at.place(preimage, tenant))
        assert len(self.given) == before
        assert answer.status in (200, 428)
        if answer.status == 200:
            number = int(json.loads(answer.body)["choices"][0]["message"]["content"])
            assert (json.loads(self.given[number][0]), self.given[number][1]) == (json.loads(question), tenant)
            assert self._age(number) < self.OLDEST

    @rule(seconds=st.sampled_from([1, 59, 3600, 86_399, 86_400]))
    def wait(self, seconds):
        self.at.clock.seconds += seconds

    @rule()
    def the_model_goes_down_or_comes_back(self):
        self.down = not self.down


Days.TestCase.settings = untimed(40)
TestDays = Days.TestCase
