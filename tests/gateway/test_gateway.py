"""The gateway by itself: what is answered from where, who may ask, and what is kept."""

import json
import threading

import pytest
from gateway_kit import (
    CHAT,
    EMBEDDINGS,
    JSON,
    MASTER,
    SSE,
    ScriptedModel,
    answering,
    chat_answer,
    chat_body,
    chat_stream,
    config_of,
    failing_after,
    pausing,
    setting,
)

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.keyring import Keyring
from inference_edge_cache.gateway.messages import Deadline, Request
from inference_edge_cache.gateway.model import ModelFailed
from inference_edge_cache.gateway.store import StoreFailed
from inference_edge_cache.gateway.stores.memory import MemoryStore
from inference_edge_cache.protocol import DISCOVERY_PATH, PUBLIC_API_KEY, derive_api_key, parse_edge_config

HEALTH = "/.well-known/inference-edge-cache/health"


@pytest.fixture
def at_hand():
    return setting()


def no_store(response):
    return response.header("cache-control") == "no-store"


def cache_status(response):
    return response.header("cache-status").removeprefix("inference-edge-cache;")


def said(response):
    """The problem document."""
    assert response.header("content-type") == "application/problem+json"
    document = json.loads(response.body)
    assert document["status"] == response.status
    assert no_store(response)
    return document


# --- A POST by an unchanged client ------------------------------------------------------------------------------------


def test_the_second_post_is_answered_from_the_store(at_hand):
    first, second = at_hand.post(chat_body()), at_hand.post(chat_body())
    assert first.body == second.body == chat_answer()
    assert len(at_hand.model.asked) == 1
    assert cache_status(first) == "fwd=uri-miss;fwd-status=200;stored"
    assert cache_status(second) == "hit;ttl=86400"


def test_a_stored_answer_says_all_that_a_cache_needs(at_hand):
    at_hand.post(chat_body())
    answer = at_hand.post(chat_body())
    path, _ = at_hand.cacheable(chat_body())
    assert dict(answer.headers) == {
        "content-type": "application/json",
        "content-length": str(len(chat_answer())),
        "cache-control": "public, max-age=0, s-maxage=3600, stale-while-revalidate=60, stale-if-error=600",
        "etag": answer.header("etag"),
        "last-modified": answer.header("last-modified"),
        "cache-status": "inference-edge-cache;hit;ttl=86400",
        "content-location": path,
    }
    assert answer.header("etag").startswith('"')


def test_the_model_is_sent_the_keyed_body_and_the_key_headers_and_nothing_else(at_hand):
    at_hand.post(
        chat_body(user="u-1", metadata={"trace": "t"}),
        ("openai-beta", "v2"),
        ("x-api-key", "the caller's own"),
        ("x-trace-id", "1"),
        ("cookie", "a=b"),
    )
    [asked] = at_hand.model.asked
    assert json.loads(asked.body) == json.loads(chat_body())
    assert asked.headers == (("openai-beta", "v2"),)
    assert (asked.method, asked.path, asked.query) == ("POST", CHAT, "")


def test_get_and_post_share_one_answer(at_hand):
    path, payload = at_hand.cacheable(chat_body())
    assert at_hand.post(chat_body()).header("content-location") == path
    assert at_hand.get(path, payload).body == chat_answer()
    assert len(at_hand.model.asked) == 1


@pytest.mark.parametrize("authorization", [None, "Bearer sk-something", "Basic YWxpY2U6cHc=", "Bearer iec1.abc"])
def test_a_post_without_an_api_key_of_this_cache_is_401(at_hand, authorization):
    headers = (("authorization", authorization),) if authorization else ()
    answer = at_hand.handle(Request(method="POST", path=CHAT, headers=headers, body=chat_body()))
    assert answer.status == 401
    assert answer.header("www-authenticate") == 'Bearer realm="inference-edge-cache"'
    assert said(answer)
    assert at_hand.model.asked == []


def test_a_bypass_needs_the_api_key_too(at_hand):
    answer = at_hand.handle(Request(method="POST", path=CHAT, body=b"not json"))
    assert answer.status == 401
    assert at_hand.model.asked == []


def test_an_api_key_of_another_master_is_401(at_hand):
    forged = derive_api_key(b"another master secret, of 40 characters.", "alice").text
    headers = (("authorization", f"Bearer {forged}"),)
    assert at_hand.handle(Request(method="POST", path=CHAT, headers=headers, body=chat_body())).status == 401


def test_the_previous_master_is_accepted_during_a_rotation():
    old = b"the master secret before the rotation, 40"
    rotating = setting(keyring=Keyring((MASTER, old)))
    rotating.master = old
    path, payload = rotating.cacheable(chat_body())
    assert rotating.post(chat_body()).status == 200
    assert rotating.get(path, payload).status == 200


def test_tenants_never_share_an_answer(at_hand):
    at_hand.post(chat_body(), tenant="alice")
    at_hand.post(chat_body(), tenant="bob")
    assert len(at_hand.model.asked) == 2


def test_with_public_access_everyone_shares_and_a_callers_credential_reaches_the_model_only_unstored():
    public = setting(config=config_of(access="public"), keyring=Keyring.public())
    for key in ("sk-alice", "sk-bob"):
        request = Request(method="POST", path=CHAT, headers=(("authorization", f"Bearer {key}"),), body=chat_body())
        assert public.handle(request).status == 200
    assert [asked.headers for asked in public.model.asked] == [()]
    sampled = chat_body(temperature=1)
    public.handle(Request(method="POST", path=CHAT, headers=(("authorization", "Bearer sk-bob"),), body=sampled))
    assert public.model.asked[-1].headers == (("authorization", "Bearer sk-bob"),)
    assert PUBLIC_API_KEY.scope in public.post(chat_body()).header("content-location")


# --- What is not stored -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "headers", "query", "reason"),
    [
        (chat_body(temperature=0.7), (), "", "not-deterministic: temperature"),
        (chat_body(store=True), (), "", "server-state: store"),
        (b'{"a": 1, "a": 2}', (), "", "duplicate-key"),
        (b"not json", (), "", "not-json"),
        (chat_body(), (), "api-version=1", "query-string"),
        (chat_body(), (("anthropic-beta", "x"),), "", "unkeyed-header: anthropic-beta"),
    ],
)
def test_a_request_that_is_not_storable_passes_through_as_it_is(at_hand, body, headers, query, reason):
    for _ in range(2):
        answer = at_hand.post(body, *headers, query=query)
        assert (answer.status, answer.body) == (200, chat_answer())
        assert no_store(answer)
        assert cache_status(answer) == f'fwd=bypass;fwd-status=200;detail="{reason}"'
        assert answer.header("content-location") is None
    assert [(asked.body, asked.query) for asked in at_hand.model.asked] == [(body, query)] * 2


def test_what_passes_through_keeps_the_callers_headers_but_for_those_of_the_way(at_hand):
    at_hand.post(
        chat_body(temperature=1),
        ("x-api-key", "the caller's own"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("host", "edge.example.com"),
        ("inference-payload", "abc"),
        ("via", "1.1 cdn"),
        ("x-amz-cf-id", "1"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-inference-edge-cache-origin", "the CDN's secret"),
    )
    [asked] = at_hand.model.asked
    assert asked.headers == (("content-type", "application/json"), ("x-api-key", "the caller's own"))


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, b'{"error": "boom"}', "status"),
        (429, b'{"error": "slow down"}', "status"),
        (200, chat_answer(finish_reason="length"), "truncated"),
        (200, chat_answer(finish_reason="content_filter"), "filtered"),
    ],
)
def test_an_answer_that_may_not_be_kept_reaches_its_caller_and_nobody_else(status, body, reason):
    fussy = setting(ScriptedModel(answering(status, body, (*JSON, ("retry-after", "7"), ("x-request-id", "r1")))))
    for _ in range(2):
        answer = fussy.post(chat_body())
        assert (answer.status, answer.body) == (status, body)
        assert no_store(answer)
        assert f'detail="{reason}' in cache_status(answer)
        assert answer.header("retry-after") == "7"
        assert answer.header("x-request-id") == "r1"
    assert len(fussy.model.asked) == 2


def test_the_headers_of_the_producing_turn_are_not_replayed():
    turn = (*JSON, ("set-cookie", "s=1"), ("x-request-id", "r1"), ("x-ratelimit-remaining", "9"), ("server", "m"))
    noisy = setting(ScriptedModel(answering(200, chat_answer(), turn)))
    for answer in (noisy.post(chat_body()), noisy.post(chat_body())):
        names = {name for name, _ in answer.headers}
        assert not names & {"set-cookie", "x-request-id", "x-ratelimit-remaining", "server"}


# --- The cacheable form -----------------------------------------------------------------------------------------------


def test_a_get_with_its_payload_runs_the_model_once_and_fills_the_store(at_hand):
    path, payload = at_hand.cacheable(chat_body())
    first, second = at_hand.get(path, payload), at_hand.get(path)
    assert first.body == second.body == chat_answer()
    assert first.header("etag") == second.header("etag")
    assert first.header("content-location") is None
    assert len(at_hand.model.asked) == 1


def test_a_get_without_payload_and_without_answer_says_where_to_post(at_hand):
    path, _ = at_hand.cacheable(chat_body())
    answer = at_hand.get(path)
    assert answer.status == 428
    document = said(answer)
    assert document["route"] == CHAT
    assert document["generation"] == at_hand.config.edge.route(CHAT).generation
    assert at_hand.model.asked == []


def test_a_head_never_runs_the_model(at_hand):
    path, payload = at_hand.cacheable(chat_body())
    missing = at_hand.get(path, payload, method="HEAD")
    assert (missing.status, missing.body) == (428, b"")
    at_hand.post(chat_body())
    there = at_hand.get(path, method="HEAD")
    assert (there.status, there.body, there.header("content-length")) == (200, b"", str(len(chat_answer())))
    assert len(at_hand.model.asked) == 1


def test_an_old_generation_is_428_whatever_was_stored_under_it():
    store = MemoryStore()
    before = setting(store=store, config=config_of(generation="1"))
    before.post(chat_body())
    path, payload = before.cacheable(chat_body())
    after = setting(store=store, config=config_of(generation="2"))
    answer = after.get(path, payload)
    assert answer.status == 428
    assert said(answer)["generation"] == after.config.edge.route(CHAT).generation
    assert after.model.asked == []


@pytest.mark.parametrize(
    "wrong",
    [{"query": "a=1"}, {"body": b"{}"}, {"headers": (("inference-cache", "refresh"),)}],
    ids=["query", "body", "control"],
)
def test_what_is_not_part_of_a_cacheable_form_is_400(at_hand, wrong):
    path, payload = at_hand.cacheable(chat_body())
    headers = (("inference-payload", payload), *wrong.pop("headers", ()))
    assert at_hand.handle(Request(method="GET", path=path, headers=headers, **wrong)).status == 400
    assert at_hand.model.asked == []


def test_a_payload_that_is_not_the_paths_is_400_and_nothing_is_stored(at_hand):
    path, _ = at_hand.cacheable(chat_body("one"))
    _, other = at_hand.cacheable(chat_body("two"))
    assert at_hand.get(path, other).status == 400
    assert at_hand.get(path).status == 428
    assert at_hand.model.asked == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_of_a_cacheable_form_are_405(at_hand, method):
    path, _ = at_hand.cacheable(chat_body())
    answer = at_hand.handle(Request(method=method, path=path, body=chat_body()))
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_a_route_takes_post_alone(at_hand, method):
    answer = at_hand.handle(Request(method=method, path=CHAT))
    assert (answer.status, answer.header("allow")) == (405, "POST")


@pytest.mark.parametrize("path", ["/", "/v1/models", "/v1/chat/completions/", CHAT + "/~/x", "/other" + "/~/a/b/c"])
def test_a_path_that_is_no_route_is_404(at_hand, path):
    assert at_hand.handle(Request(method="POST", path=path, body=b"{}")).status == 404


def test_conditional_requests_are_answered_without_the_body(at_hand):
    path, payload = at_hand.cacheable(chat_body())
    etag = at_hand.get(path, payload).header("etag")
    for headers in (("if-none-match", etag), ("if-none-match", f'"x", W/{etag}'), ("if-none-match", "*")):
        answer = at_hand.get(path, None, headers)
        assert (answer.status, answer.body, answer.header("etag")) == (304, b"", etag)
    assert at_hand.get(path, None, ("if-none-match", '"x"')).status == 200
    modified = at_hand.get(path).header("last-modified")
    assert at_hand.get(path, None, ("if-modified-since", modified)).status == 304
    assert at_hand.get(path, None, ("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT")).status == 200
    assert at_hand.get(path, None, ("if-modified-since", "yesterday")).status == 200


# --- Age --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "told"),
    [
        (0, "public, max-age=0, s-maxage=3600, stale-while-revalidate=60, stale-if-error=600"),
        (86_400 - 3630, "public, max-age=0, s-maxage=3600, stale-while-revalidate=30, stale-if-error=30"),
        (86_400 - 1000, "public, max-age=0, s-maxage=1000"),
        (86_399, "public, max-age=0, s-maxage=1"),
    ],
)
def test_a_cache_is_told_to_keep_an_answer_only_for_what_is_left_of_its_life(at_hand, age, told):
    at_hand.post(chat_body())
    at_hand.clock.seconds += age
    answer = at_hand.post(chat_body())
    assert answer.header("cache-control") == told
    assert cache_status(answer) == f"hit;ttl={86_400 - age}"
    assert answer.header("age") is None


def test_browsers_are_told_what_the_policy_says():
    embedding = json.dumps({"data": [{"index": 0, "embedding": [0.1]}], "model": "m"}).encode()
    at_hand = setting(ScriptedModel(answering(200, embedding)))
    answer = at_hand.post(b'{"model": "m", "input": "hello"}', path=EMBEDDINGS)
    assert answer.header("cache-control") == "public, max-age=300, s-maxage=86400"


def test_an_answer_of_the_greatest_age_is_replaced(at_hand):
    at_hand.post(chat_body())
    at_hand.clock.seconds += 86_400
    path, _ = at_hand.cacheable(chat_body())
    assert at_hand.get(path).status == 428
    at_hand.model.script = answering(200, chat_answer("four"))
    assert at_hand.post(chat_body()).body == chat_answer("four")
    assert at_hand.get(path).body == chat_answer("four")


def test_an_answer_from_the_future_counts_as_new(at_hand):
    at_hand.post(chat_body())
    at_hand.clock.seconds -= 60
    assert cache_status(at_hand.post(chat_body())) == "hit;ttl=86400"


# --- Controls ---------------------------------------------------------------------------------------------------------


def test_a_bypass_on_request_neither_reads_nor_stores(at_hand):
    at_hand.post(chat_body(), ("inference-cache", "bypass"))
    at_hand.post(chat_body())
    answer = at_hand.post(chat_body(), ("inference-cache", "bypass"))
    assert len(at_hand.model.asked) == 3
    assert no_store(answer)
    assert cache_status(answer) == 'fwd=bypass;fwd-status=200;detail="requested"'


def test_a_refresh_replaces_what_is_stored(at_hand):
    at_hand.post(chat_body())
    at_hand.model.script = answering(200, chat_answer("four"))
    assert at_hand.post(chat_body(), ("inference-cache", "refresh")).body == chat_answer("four")
    assert at_hand.post(chat_body()).body == chat_answer("four")


def test_a_ttl_asks_for_a_younger_answer_than_the_policy_would_give(at_hand):
    at_hand.post(chat_body())
    at_hand.clock.seconds += 60
    assert len(at_hand.model.asked) == 1
    at_hand.post(chat_body(), ("inference-cache-ttl", "61"))
    assert len(at_hand.model.asked) == 1
    answer = at_hand.post(chat_body(), ("inference-cache-ttl", "60"))
    assert len(at_hand.model.asked) == 2
    assert cache_status(answer) == "fwd=request;fwd-status=200;stored"


def test_a_ttl_never_asks_for_an_older_one(at_hand):
    at_hand.post(chat_body())
    at_hand.clock.seconds += 86_400
    at_hand.post(chat_body(), ("inference-cache-ttl", "999999999"))
    assert len(at_hand.model.asked) == 2


@pytest.mark.parametrize(
    "header",
    [
        ("inference-cache", "no"),
        ("inference-cache", ""),
        ("inference-cache-ttl", "-1"),
        ("inference-cache-ttl", "1.5"),
        ("inference-cache-ttl", "\u0663"),
        ("inference-cache-ttl", "9" * 5000),
    ],
)
def test_a_control_that_says_nothing_is_400(at_hand, header):
    assert at_hand.post(chat_body(), header).status == 400
    assert at_hand.model.asked == []


# --- When something is down -------------------------------------------------------------------------------------------


class DownStore:
    def __init__(self, *, reads: bool = False, writes: bool = False):
        self.reads, self.writes, self.inner = reads, writes, MemoryStore()

    def get(self, path):
        if self.reads:
            raise StoreFailed("SlowDown")
        return self.inner.get(path)

    def put(self, path, result, cache_control, replaces=None):
        if self.writes:
            raise StoreFailed("AccessDenied")
        return self.inner.put(path, result, cache_control, replaces)


@pytest.mark.parametrize("down", [{"reads": True}, {"writes": True}, {"reads": True, "writes": True}])
def test_without_a_store_the_model_answers_and_nobody_keeps_it(down):
    at_hand = setting(store=DownStore(**down))
    path, payload = at_hand.cacheable(chat_body())
    for answer in (at_hand.post(chat_body()), at_hand.get(path, payload)):
        assert (answer.status, answer.body) == (200, chat_answer())
        assert no_store(answer)
        assert 'detail="the store is not available"' in cache_status(answer)


def test_without_a_model_stored_answers_still_come(at_hand):
    at_hand.post(chat_body())

    def down(_):
        raise ModelFailed(502, "the model did not answer")

    at_hand.model.script = down
    assert at_hand.post(chat_body()).body == chat_answer()
    for answer in (at_hand.post(chat_body("3+3?")), at_hand.post(chat_body(temperature=1))):
        assert answer.status == 502
        assert said(answer)["detail"] == "the model did not answer"


@pytest.mark.parametrize("status", [502, 504])
def test_a_model_that_breaks_off_is_never_a_200_and_is_not_stored(status):
    broken = setting(ScriptedModel(failing_after([chat_answer()[:20]], ModelFailed(status, "broke off"))))
    path, payload = broken.cacheable(chat_body())
    assert broken.get(path, payload).status == status
    broken.model.script = answering(200, chat_answer())
    assert broken.get(path).status == 428


def test_an_error_of_our_own_is_a_500_that_tells_nothing(at_hand, caplog):
    def buggy(request):
        raise KeyError(request.body)

    at_hand.model.script = buggy
    for body in (chat_body(), chat_body(temperature=1)):
        answer = at_hand.post(body)
        assert answer.status == 500
        assert b"2+2?" not in answer.body
    assert "2+2?" not in caplog.text
    assert "KeyError" in caplog.text


def test_a_control_character_in_a_header_is_400(at_hand):
    assert at_hand.post(chat_body(temperature=1), ("x-evil", "a\r\nx-api-key: b")).status == 400
    assert at_hand.model.asked == []


# --- Streams ----------------------------------------------------------------------------------------------------------

STREAM = chat_body(stream=True)


def test_a_stream_is_stored_whole_and_replayed_as_one():
    at_hand = setting(ScriptedModel(answering(200, chat_stream("2", "+2"), SSE)))
    first, second = at_hand.post(STREAM), at_hand.post(STREAM)
    assert first.body == second.body == b"".join(chat_stream("2", "+2"))
    assert second.header("content-type").startswith("text/event-stream")
    assert len(at_hand.model.asked) == 1


def test_a_live_stream_is_relayed_unstored_and_stored_after_its_end():
    go = threading.Event()
    at_hand = setting(ScriptedModel(pausing(chat_stream("2", "+2"), go)))
    first = at_hand.post(STREAM, live=True)
    assert no_store(first)
    assert cache_status(first) == 'fwd=uri-miss;fwd-status=200;detail="relayed-live"'
    assert next(first.chunks) == chat_stream("2")[0]
    go.set()
    assert b"".join(first.chunks) == b"".join(chat_stream("2", "+2")[1:])
    second = at_hand.post(STREAM, live=True)
    assert cache_status(second) == "hit;ttl=86400"
    assert second.body == b"".join(chat_stream("2", "+2"))
    assert len(at_hand.model.asked) == 1


def test_who_joins_a_live_stream_gets_it_from_its_start():
    go = threading.Event()
    at_hand = setting(ScriptedModel(pausing(chat_stream("2", "+2"), go)))
    streams = [at_hand.post(STREAM, live=True).chunks for _ in range(3)]
    assert [next(stream) for stream in streams] == [chat_stream("2")[0]] * 3
    go.set()
    assert [b"".join(stream) for stream in streams] == [b"".join(chat_stream("2", "+2")[1:])] * 3
    assert len(at_hand.model.asked) == 1


def test_a_stream_whose_caller_leaves_is_stored_all_the_same():
    go, kept = threading.Event(), threading.Event()
    at_hand = setting(ScriptedModel(pausing(chat_stream("2"), go)))
    put = at_hand.store.put
    at_hand.store.put = lambda *all: (put(*all), kept.set())[0]
    at_hand.post(STREAM, live=True).chunks.close()
    go.set()
    assert kept.wait(20)
    assert cache_status(at_hand.post(STREAM)) == "hit;ttl=86400"


def test_a_stream_without_its_terminal_event_is_not_stored():
    go = threading.Event()
    at_hand = setting(ScriptedModel(pausing(chat_stream("2", done=False), go)))
    live = at_hand.post(STREAM, live=True).chunks
    go.set()
    assert b"".join(live) == b"".join(chat_stream("2", done=False))
    assert 'detail="incomplete' in cache_status(at_hand.post(STREAM))
    assert len(at_hand.model.asked) == 2


def test_a_live_stream_that_breaks_off_does_not_look_complete():
    go = threading.Event()
    at_hand = setting(ScriptedModel(pausing(chat_stream("2"), go, then=ModelFailed(502, "broke off"))))
    live = at_hand.post(STREAM, live=True).chunks
    go.set()
    with pytest.raises(ModelFailed):
        list(live)
    at_hand.model.script = answering(200, chat_stream("2"), SSE)
    assert cache_status(at_hand.post(STREAM)) == "fwd=uri-miss;fwd-status=200;stored"


def test_a_stream_that_fails_before_its_first_byte_is_not_a_200():
    at_hand = setting(ScriptedModel(failing_after([], ModelFailed(502, "no first byte"), SSE)))
    assert at_hand.post(STREAM, live=True).status == 502


def test_json_and_stream_are_two_answers():
    at_hand = setting()
    at_hand.post(chat_body())
    at_hand.model.script = answering(200, chat_stream("4"), SSE)
    assert at_hand.post(STREAM).body == b"".join(chat_stream("4"))
    assert at_hand.post(chat_body()).body == chat_answer()


def test_an_unstorable_stream_passes_live():
    at_hand = setting(ScriptedModel(answering(200, chat_stream("2"), SSE)))
    answer = at_hand.post(chat_body(stream=True, temperature=1), live=True)
    assert no_store(answer)
    assert list(answer.chunks) == chat_stream("2")


# --- The gateway's own documents --------------------------------------------------------------------------------------


def test_the_discovery_document_is_the_configuration(at_hand):
    answer = at_hand.handle(Request(method="GET", path=DISCOVERY_PATH))
    assert answer.header("cache-control") == "public, max-age=60"
    assert parse_edge_config(answer.body) == at_hand.config.edge


def test_health_asks_nobody(at_hand):
    answer = at_hand.handle(Request(method="GET", path=HEALTH))
    assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok"})
    assert no_store(answer)
    assert at_hand.handle(Request(method="HEAD", path=HEALTH)).body == b""
    assert at_hand.handle(Request(method="POST", path=HEALTH)).status == 405
    assert at_hand.model.asked == []


def test_a_deadline_that_has_passed_is_504_and_the_answer_is_stored_all_the_same():
    go, gone = threading.Event(), threading.Event()

    def slow(_):
        go.wait(20)
        return answering(200, chat_answer())(None)

    at_hand = setting(ScriptedModel(slow))
    put = at_hand.store.put
    at_hand.store.put = lambda *all: (put(*all), gone.set())[0]
    path, payload = at_hand.cacheable(chat_body())
    request = Request(method="GET", path=path, headers=(("inference-payload", payload),))
    assert at_hand.gateway.handle(request, Deadline.after(0)).status == 504
    go.set()
    assert gone.wait(20)
    assert at_hand.get(path).body == chat_answer()


@pytest.mark.parametrize(("access", "keyring"), [("keyed", Keyring.public()), ("public", Keyring((MASTER,)))])
def test_a_keyring_that_contradicts_the_configuration_is_refused(access, keyring):
    with pytest.raises(GatewayConfigError, match="access is public in one"):
        setting(config=config_of(access=access), keyring=keyring)
