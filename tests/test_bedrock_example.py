"""What the Bedrock example deploys, asked with the OpenAI SDK: Bedrock is asked once, in a form that it takes."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from model_kit import KEY_ID, SECRET_KEY, Server, Servers
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from inference_edge_cache.gateway.assembly import MASTER, MODEL, ORIGIN_PROOF, STORE, gateway_from
from inference_edge_cache.gateway.doors.asgi import gateway_asgi
from inference_edge_cache.protocol import derive_api_key
from inference_edge_cache.testing import Secret, record

EXAMPLE = Path(__file__).parent.parent / "examples/aws-bedrock-openai-sdk"
MODEL_ID = "openai.gpt-oss-20b-1:0"
THE_MASTER = "a master secret that only these tests use"


@pytest.fixture
def bedrock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Bedrock, as far as the gateway sees it. It answers as its documentation of OpenAI's models says."""
    servers = Servers()
    server = servers()
    choice = {"index": 0, "message": {"role": "assistant", "content": "sol"}, "finish_reason": "stop"}
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL_ID, "choices": [choice]}
    server.says(json.dumps(answer).encode())
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.url,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    yield server
    servers.stop()


@pytest.fixture
def client(bedrock: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncOpenAI:
    """The SDK, in front of the function's code and variables as they were recorded, with a store of the test's own."""
    function = record(EXAMPLE, config={"master": Secret(THE_MASTER)}).one("aws:lambda/function:Function")
    variables = function.input("environment.variables")
    assert {STORE, MODEL, MASTER, ORIGIN_PROOF} <= variables.keys()
    environ = {MASTER: "env:THE_MASTER", "THE_MASTER": THE_MASTER}
    deployed = gateway_from(
        {STORE: "memory:", MODEL: variables[MODEL], **environ},
        function.inputs["code"]["assets"]["gateway.json"]["text"].encode(),
    )
    app = gateway_asgi(deployed, timeout=30, max_body_bytes=deployed.max_body_bytes)
    return AsyncOpenAI(
        base_url="https://cache.example.com/v1",
        api_key=derive_api_key(THE_MASTER.encode(), "alice").text,
        http_client=DefaultAsyncHttpxClient(transport=httpx2.ASGITransport(app)),
        max_retries=0,
    )


def test_the_second_chat_is_answered_without_bedrock(bedrock: Server, client: AsyncOpenAI):
    import asyncio

    async def chat(user: str) -> tuple[str | None, str]:
        raw = await client.chat.completions.with_raw_response.create(
            model=MODEL_ID,
            temperature=0,
            user=user,
            messages=[{"role": "user", "content": "What is the name of the Sun in Latin?"}],
        )
        return raw.parse().choices[0].message.content, raw.headers["cache-status"]

    async def twice() -> list[tuple[str | None, str]]:
        return [await chat("user-1"), await chat("user-2")]

    (first, missed), (second, hit) = asyncio.run(twice())
    assert (first, second) == ("sol", "sol")
    assert ";stored" in missed.replace(" ", "")
    assert ";hit" in hit.replace(" ", "")
    asked = bedrock.only
    assert (asked.method, asked.target) == ("POST", "/model/openai.gpt-oss-20b-1%3A0/invoke")
    assert (asked.header("authorization") or "").startswith("AWS4-HMAC-SHA256 ")
    assert json.loads(asked.body) == {
        "model": MODEL_ID,
        "temperature": 0,
        "messages": [{"role": "user", "content": "What is the name of the Sun in Latin?"}],
    }
