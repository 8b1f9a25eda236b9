"""The transport and the gateway, each with its own reading of the protocol, over HTTP."""

import json

import pytest
from client_kit import Edge, Says, Seen, request_headers
from gateway_kit import CHAT, MASTER, Setting, answering, chat_answer, chat_body, chat_stream, setting

from inference_edge_cache.client import Served
from inference_edge_cache.gateway.messages import Request
from inference_edge_cache.gateway.model import ModelFailed
from inference_edge_cache.protocol import derive_api_key

KEY = derive_api_key(MASTER, "alice").text


@pytest.fixture
def behind(edge: Edge) -> Setting:
    """A gateway behind the edge, which adds and keeps nothing."""
    behind = setting()

    def forward(seen: Seen) -> Says:
        path, _, query = seen.target.partition("?")
        headers = tuple((name.lower(), value) for name, value in seen.headers)
        response = behind.handle(Request(method=seen.method, path=path, query=query, headers=headers, body=seen.body))
        return Says(response.status, response.body, dict(response.headers))

    edge.says = dict.fromkeys(edge.says, forward)
    return behind


def test_the_first_get_runs_the_model_and_the_next_is_a_hit(call, edge, behind):
    first, again = (call.post(chat_body(), CHAT, key=KEY) for _ in range(2))
    assert (first.body, first.served) == (chat_answer(), Served("model", "uri-miss"))
    assert (again.body, again.served) == (chat_answer(), Served("store"))
    assert edge.kinds == ["get", "get"]
    assert len(behind.model.asked) == 1


def test_a_post_and_a_get_share_an_answer(call, edge, behind):
    call.plainly("POST", CHAT, content=chat_body(), headers=request_headers(KEY))
    assert call.post(chat_body(user="me"), CHAT, key=KEY).served == Served("store")
    assert (edge.kinds, len(behind.model.asked)) == (["post", "get"], 1)


def test_a_large_request_is_posted_once_and_then_found_at_its_path(call, edge, behind):
    body = chat_body("".join(f"{number**9:x}" for number in range(2_000)))
    assert [call.post(body, CHAT, key=KEY).served.tier for _ in range(2)] == ["model", "store"]
    assert (edge.kinds, len(behind.model.asked)) == (["look", "post", "look"], 1)


def test_key_headers_reach_the_model(call, edge, behind):
    call.post(chat_body(), CHAT, key=KEY, openai_beta="a")
    assert behind.model.asked[0].headers == (("openai-beta", "a"),)
    assert edge.kinds == ["get"]


def test_a_stream_is_replayed_as_one(call, edge, behind):
    events = chat_stream("2", "+2")
    behind.model.script = answering(200, events, (("content-type", "text/event-stream"),))
    for tier in ("model", "store"):
        answer = call.post(chat_body(stream=True), CHAT, key=KEY)
        assert (answer.body, answer.served.tier) == (b"".join(events), tier)


def test_what_the_model_refuses_is_asked_of_it_once(call, edge, behind):
    behind.model.script = answering(400, b'{"error": "too long"}')
    answer = call.post(chat_body(), CHAT, key=KEY)
    assert (answer.status, answer.body, answer.served.tier) == (400, b'{"error": "too long"}', "model")
    assert (edge.kinds, len(behind.model.asked)) == (["get"], 1)


def test_a_model_that_is_down_fails_the_post_too(call, edge, behind):
    def down(_request):
        raise ModelFailed(502, "it cannot be reached")

    behind.model.script = down
    answer = call.post(chat_body(), CHAT, key=KEY)
    assert (answer.status, answer.served) == (502, Served("model", "uri-miss: it cannot be reached"))
    assert edge.kinds == ["get", "look", "post"]


def test_an_answer_of_another_scope_is_never_found(call, edge, behind):
    call.post(chat_body(), CHAT, key=KEY)
    other = derive_api_key(MASTER, "bob").text
    assert call.post(chat_body(), CHAT, key=other).served.tier == "model"
    assert len(behind.model.asked) == 2


def test_a_key_of_another_cache_is_refused(call, edge, behind):
    other = derive_api_key(b"the master secret of some other cache", "alice").text
    answer = call.post(chat_body(), CHAT, key=other)
    assert (answer.status, answer.served) == (401, Served("passed", "Unauthorized"))
    assert edge.kinds == ["get", "post"]
    assert behind.model.asked == []


def test_chance_is_the_models(call, edge, behind):
    answer = call.post(json.dumps({"model": "m", "messages": []}).encode(), CHAT, key=KEY)
    assert answer.served == Served("passed", "not-deterministic: temperature")
    assert edge.kinds == ["post"]
