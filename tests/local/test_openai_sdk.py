"""The unchanged OpenAI SDK, pointed at the edge by its ``base_url`` alone."""

import random

import httpx2
import openai
import pytest

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.client import EdgeCacheTransport
from inference_edge_cache.protocol import derive_api_key

MASTER = b"a master secret that only these tests use"
MESSAGES = [{"role": "user", "content": "2+2?"}]


@pytest.fixture
def sdk():
    clients = []

    def sdk(edge, api_key="any"):
        http = openai.DefaultHttpxClient(trust_env=False)
        clients.append(openai.OpenAI(base_url=f"{edge.base_url}/v1", api_key=api_key, max_retries=0, http_client=http))
        return clients[-1]

    yield sdk
    for client in clients:
        client.close()


@pytest.mark.parametrize("cloud", Cloud)
def test_repeated_requests_cost_one_model_call_each(model, inference, sdk, cloud):
    client = sdk(inference("embeddings", "openai_chat", cloud=cloud))
    vectors = [client.embeddings.create(model="e5", input="hello").data[0].embedding for _ in range(3)]
    assert vectors == [[0.25, -0.5]] * 3
    assert model.calls == 1
    chats = [client.chat.completions.create(model="m", messages=MESSAGES, temperature=0) for _ in range(3)]
    assert [chat.choices[0].message.content for chat in chats] == ["four"] * 3
    assert model.calls == 2


def test_a_repeated_stream_costs_one_model_call(model, inference, sdk):
    client = sdk(inference("openai_chat"))
    for _ in range(2):
        stream = client.chat.completions.create(model="m", messages=MESSAGES, seed=1, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "four"
    assert model.calls == 1


def test_a_sampled_answer_is_new_each_time(model, inference, sdk):
    client = sdk(inference("openai_chat"))
    for _ in range(2):
        client.chat.completions.create(model="m", messages=MESSAGES)
    assert model.calls == 2


def test_with_keyed_access_the_api_key_is_one_of_the_cache(model, inference, sdk):
    edge = inference("embeddings", master_secret=MASTER)
    with pytest.raises(openai.AuthenticationError):
        sdk(edge, "sk-of-the-provider").embeddings.create(model="e5", input="hello")
    alice = sdk(edge, derive_api_key(MASTER, "alice").text)
    answers = [alice.embeddings.create(model="e5", input="hello") for _ in range(2)]
    assert [answer.data[0].embedding for answer in answers] == [[0.25, -0.5]] * 2
    assert model.calls == 1


@pytest.mark.asyncio
async def test_the_asynchronous_client_too(model, inference):
    edge = inference("openai_chat")
    http = openai.DefaultAsyncHttpxClient(trust_env=False)
    async with openai.AsyncOpenAI(base_url=f"{edge.base_url}/v1", api_key="any", http_client=http) as client:
        for _ in range(2):
            chat = await client.chat.completions.create(model="m", messages=MESSAGES, temperature=0)
            assert chat.choices[0].message.content == "four"
    assert model.calls == 1


@pytest.mark.parametrize("cloud", Cloud)
@pytest.mark.parametrize(
    ("size", "tiers"), [(10, ["model", "edge", "bucket"]), (200_000, ["model", "bucket", "bucket"])]
)
def test_with_the_transport_the_edge_answers(model, inference, tmp_path, cloud, size, tiers):
    """``tiers``: who answers at first, who the second time, and who at another edge."""
    text = random.Random(1).randbytes(size).hex()  # which does not compress into a header

    def ask(edge):
        seen = []
        with httpx2.Client(
            transport=EdgeCacheTransport(), trust_env=False, event_hooks={"response": [seen.append]}
        ) as http:
            client = openai.OpenAI(base_url=f"{edge.base_url}/v1", api_key="any", max_retries=0, http_client=http)
            vector = client.embeddings.create(model="e5", input=text).data[0].embedding
        assert vector == [0.25, -0.5]
        return seen[-1].extensions["inference_edge_cache"].tier

    here, elsewhere = (inference("embeddings", cloud=cloud, results=tmp_path) for _ in range(2))
    assert [ask(here), ask(here), ask(elsewhere)] == tiers
    assert model.calls == 1
