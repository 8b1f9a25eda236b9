"""SDKs that nobody here wrote, with the transport and otherwise unchanged."""

import json

import httpx
import openai
import pytest
from client_kit import API_KEY, BODY, HIT, Says, json_answer, post_it, problem, proven, request_headers
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient, OpenAI

from inference_edge_cache.client import AsyncEdgeCacheTransport, EdgeCacheTransport, Served

QUESTION = {"model": "m", "temperature": 0, "messages": [{"role": "user", "content": "What is a CDN?"}]}
COMPLETION = json.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "A cache."}}],
    }
).encode()


def event(**delta: object) -> bytes:
    chunk = {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


EVENTS = event(role="assistant", content="A ") + event(content="cache.") + b"data: [DONE]\n\n"
SSE = Says(200, EVENTS, {"content-type": "text/event-stream", "cache-status": "inference-edge-cache; hit; ttl=60"})
JSON = json_answer(COMPLETION, x_cache="Hit from cloudfront")

Client = dict[str, object]


@pytest.fixture(params=["httpx2", "httpx"])
def sdk(request, edge):
    """The SDK on its own client, and on an httpx client as older ones have it."""
    http_client = DefaultHttpxClient if request.param == "httpx2" else httpx.Client
    with OpenAI(
        base_url=f"{edge.url}/v1", api_key=API_KEY.text, http_client=http_client(transport=EdgeCacheTransport())
    ) as sdk:
        yield sdk


@pytest.fixture(params=["httpx2", "httpx"])
def async_sdk(request, edge):
    http_client = DefaultAsyncHttpxClient if request.param == "httpx2" else httpx.AsyncClient
    return AsyncOpenAI(
        base_url=f"{edge.url}/v1", api_key=API_KEY.text, http_client=http_client(transport=AsyncEdgeCacheTransport())
    )


def test_an_answer_of_the_edge(sdk, edge):
    edge.says["get"] = JSON
    answer = sdk.chat.completions.with_raw_response.create(**QUESTION)
    assert answer.parse().choices[0].message.content == "A cache."
    assert answer.http_response.extensions["inference_edge_cache"] == Served("edge", "x-cache")
    assert edge.kinds == ["get"]
    assert json.loads(proven(edge.asked("get")[0]).body) == QUESTION


def test_a_stream_of_the_store(sdk, edge):
    edge.says["get"] = SSE
    chunks = list(sdk.chat.completions.create(**QUESTION, stream=True))
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["A ", "cache."]
    assert edge.kinds == ["get"]


@pytest.mark.asyncio
async def test_an_answer_of_the_edge_async(async_sdk, edge):
    edge.says["get"] = JSON
    async with async_sdk:
        answer = await async_sdk.chat.completions.create(**QUESTION)
    assert answer.choices[0].message.content == "A cache."
    assert edge.kinds == ["get"]


@pytest.mark.asyncio
async def test_a_stream_of_the_store_async(async_sdk, edge):
    edge.says["get"] = SSE
    async with async_sdk:
        chunks = [chunk async for chunk in await async_sdk.chat.completions.create(**QUESTION, stream=True)]
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["A ", "cache."]
    assert edge.kinds == ["get"]


def test_a_miss_is_the_sdks_own_post(sdk, edge):
    edge.says |= {"get": post_it(), "post": JSON}
    assert sdk.chat.completions.create(**QUESTION).choices[0].message.content == "A cache."
    assert edge.kinds == ["get", "post"]
    (post,) = edge.asked("post")
    assert (json.loads(post.body), post.header("authorization")) == (QUESTION, f"Bearer {API_KEY.text}")


def test_the_sdk_says_itself_when_to_try_again(sdk, edge):
    answers = iter([Says(429, b"{}", {"retry-after-ms": "1"}), Says(500, b"{}", {"retry-after-ms": "1"}), JSON])
    edge.says["get"] = lambda seen: next(answers)
    assert sdk.chat.completions.create(**QUESTION).choices[0].message.content == "A cache."
    assert edge.kinds == ["get", "get", "get"]


def test_an_error_of_the_model_is_the_sdks_error(sdk, edge):
    said = "inference-edge-cache; fwd=uri-miss; fwd-status=400"
    edge.says["get"] = Says(400, b'{"error": {"message": "too long"}}', {"cache-status": said})
    with pytest.raises(openai.BadRequestError, match="too long") as wrong:
        sdk.chat.completions.create(**QUESTION)
    assert wrong.value.request.method == "POST"
    assert edge.kinds == ["get"]


def test_a_wrong_key_is_the_sdks_error_and_is_not_in_it(sdk, edge):
    edge.says |= {"get": problem(401), "post": problem(401)}
    with pytest.raises(openai.AuthenticationError) as wrong:
        sdk.chat.completions.create(**QUESTION)
    assert API_KEY.text not in str(wrong.value)


def test_what_the_sdk_asks_beside_inference_is_passed(sdk, edge):
    edge.says["other"] = json_answer(b'{"object": "list", "data": []}')
    assert list(sdk.models.list()) == []
    assert [seen.header("authorization") for seen in edge.asked("other")] == [f"Bearer {API_KEY.text}"]


def test_requests_that_leave_the_answer_to_chance_are_posts(sdk, edge):
    edge.says["post"] = JSON
    sdk.chat.completions.create(model="m", messages=[])
    assert edge.kinds == ["post"]


def test_any_other_client_of_httpx(edge):
    edge.says["get"] = HIT
    with httpx.Client(base_url=edge.url, transport=EdgeCacheTransport(), headers=request_headers()) as client:
        response = client.post("/v1/chat/completions", content=BODY)
    assert response.extensions["inference_edge_cache"] == Served("store")
    assert response.request.method == "POST"
