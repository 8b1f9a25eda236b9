"""Event streams through the inference routes: relayed as they come, stored after their end, replayed as they were."""

import json
import threading

import httpx
import pytest

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.protocol import DISCOVERY_PATH, parse_edge_config

CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "2+2?"}], "temperature": 0}
STREAM = json.dumps({**BODY, "stream": True}).encode()
JSON = {"content-type": "application/json"}
clouds = pytest.mark.parametrize("cloud", Cloud)


class Gate:
    """Holds a stream back after its first event."""

    def __init__(self):
        self.opened = threading.Event()

    def __call__(self, events):
        yield events[0]
        assert self.opened.wait(20)
        yield from events[1:]


@pytest.fixture
def gate(model):
    model.chunks = gate = Gate()
    yield gate
    gate.opened.set()


def events(body):
    return [json.loads(line[6:]) for line in body.decode().split("\n\n") if line.startswith("data: {")]


@clouds
def test_a_post_is_relayed_as_it_comes_and_replayed_from_then_on(model, gate, landed, inference, cloud):
    client = inference("openai_chat", cloud=cloud)
    with client.stream("POST", CHAT, content=STREAM, headers=JSON) as live:
        assert live.headers["content-type"].startswith("text/event-stream")
        assert live.headers["cache-control"] == "no-store"
        assert 'detail="relayed-live"' in live.headers["cache-status"]
        chunks = live.iter_raw()
        first = next(chunks)
        assert b'"fo"' in first
        assert not landed.is_set()
        gate.opened.set()
        whole = first + b"".join(chunks)
    assert landed.wait(20)
    replayed = client.post(CHAT, content=STREAM, headers=JSON)
    assert replayed.content == whole
    assert replayed.headers["cache-status"].startswith("inference-edge-cache;hit;")
    assert whole.endswith(b"data: [DONE]\n\n")
    assert model.calls == 1


@clouds
def test_a_get_is_relayed_as_it_comes_and_kept_by_the_edge_once_it_is_stored(model, gate, landed, inference, cloud):
    client = inference("openai_chat", cloud=cloud)
    form = inference.cacheable(client, CHAT, STREAM)
    with client.stream("GET", form.path, headers=form.payload) as live:
        assert live.headers["cache-control"] == "no-store"
        chunks = live.iter_raw()
        first = next(chunks)
        gate.opened.set()
        whole = first + b"".join(chunks)
    assert landed.wait(20)
    answers = [client.get(form.path) for _ in range(2)]
    assert [answer.headers["x-cache"].split()[0] for answer in answers] == ["Miss", "Hit"]
    assert {answer.content for answer in answers} == {whole}
    assert model.calls == 1


def test_who_comes_later_gets_the_stream_from_its_start(model, gate, inference):
    client = inference("openai_chat")
    with (
        client.stream("POST", CHAT, content=STREAM, headers=JSON) as first,
        client.stream("POST", CHAT, content=STREAM, headers=JSON) as second,
    ):
        gate.opened.set()
        bodies = {first.read(), second.read()}
    assert len(bodies) == 1
    assert model.calls == 1


def test_json_and_event_stream_are_two_results(model, inference):
    client = inference("openai_chat")
    streamed = client.post(CHAT, content=STREAM, headers=JSON)
    whole = client.post(CHAT, json=BODY)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert whole.headers["content-type"] == "application/json"
    assert model.calls == 2


def test_a_caller_who_leaves_in_the_middle_stops_nothing(model, gate, landed, inference):
    client = inference("openai_chat")
    with client.stream("POST", CHAT, content=STREAM, headers=JSON) as live:
        assert b'"fo"' in next(live.iter_raw())
    gate.opened.set()
    assert landed.wait(20)
    assert len(events(client.post(CHAT, content=STREAM, headers=JSON).content)) == 3
    assert model.calls == 1


def test_a_stream_that_breaks_off_breaks_off_for_its_callers_and_is_not_stored(model, inference):
    seen = threading.Event()

    def broken(lines):
        yield lines[0]
        assert seen.wait(20)
        raise RuntimeError

    model.chunks = broken
    client = inference("openai_chat")
    with client.stream("POST", CHAT, content=STREAM, headers=JSON) as live:
        chunks = live.iter_raw()
        next(chunks)
        seen.set()
        with pytest.raises(httpx.RemoteProtocolError):
            list(chunks)
    model.chunks = iter
    whole = client.post(CHAT, content=STREAM, headers=JSON)
    assert whole.content.endswith(b"data: [DONE]\n\n")
    assert model.calls == 2


def test_a_stream_that_stands_still_for_longer_than_the_edge_waits_breaks_off(model, gate, inference):
    client = inference("openai_chat", origin_timeout=0.5)
    with pytest.raises(httpx.RemoteProtocolError), client.stream("POST", CHAT, content=STREAM, headers=JSON) as live:
        live.read()


def test_what_is_not_stored_is_relayed_live_too(model, gate, inference):
    client = inference("openai_chat")
    sampled = json.dumps({**BODY, "temperature": 1, "stream": True}).encode()
    with client.stream("POST", CHAT, content=sampled, headers=JSON) as live:
        assert live.headers["cache-status"].startswith("inference-edge-cache;fwd=bypass;")
        chunks = live.iter_raw()
        assert b'"fo"' in next(chunks)
        gate.opened.set()
        assert b"".join(chunks).endswith(b"data: [DONE]\n\n")


def test_an_upload_is_relayed_as_it_comes(model, gate, inference):
    client = inference("openai_chat", cloud=Cloud.GCP)
    url = parse_edge_config(client.get(DISCOVERY_PATH).content).upload_url
    with httpx.stream("POST", f"{url}{CHAT}", content=STREAM, headers=JSON, trust_env=False, timeout=30) as live:
        chunks = live.iter_raw()
        assert b'"fo"' in next(chunks)
        gate.opened.set()
        assert b"".join(chunks).endswith(b"data: [DONE]\n\n")
