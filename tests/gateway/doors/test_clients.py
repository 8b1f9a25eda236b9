"""Clients that nobody here wrote, and that know nothing of this protocol: curl and boto3."""

import json
import shutil
import subprocess

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from gateway_kit import (
    CHAT,
    SSE,
    ScriptedModel,
    answering,
    chat_answer,
    chat_body,
    chat_stream,
    setting,
)

from inference_edge_cache.gateway.config import GatewayConfig, ResultRules
from inference_edge_cache.gateway.doors.asgi import gateway_asgi
from inference_edge_cache.gateway.keyring import Keyring
from inference_edge_cache.protocol import EdgeConfig, RouteConfig, RouteRules

CONVERSE = "/model/claude-m/converse"
CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "4"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
    "metrics": {"latencyMs": 1},
}


@pytest.fixture
def url_of(client_of):
    """Where the gateway of a setting listens."""
    return lambda at: str(client_of(gateway_asgi(at.gateway, timeout=30, max_body_bytes=10_000)).base_url).rstrip("/")


def curl(*arguments: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body."""
    ran = subprocess.run(
        ["curl", "--silent", "--include", "--noproxy", "*", "--max-time", "30", *arguments],
        capture_output=True,
        check=True,
    )
    head, _, body = ran.stdout.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, body


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
class TestCurl:
    def post(self, at, url, body=None, key=None):
        said = ("-H", f"Authorization: Bearer {key or at.key()}", "--json", (body or chat_body()).decode())
        return curl("--no-buffer", *said, url + CHAT)

    def test_its_second_post_is_a_hit_and_the_path_it_is_told_can_be_read(self, url_of):
        at = setting()
        url = url_of(at)
        (_, first, body), (_, second, again) = (self.post(at, url) for _ in range(2))
        assert body == again == chat_answer()
        assert first["cache-status"].endswith("fwd=uri-miss;fwd-status=200;stored")
        assert second["cache-status"] == "inference-edge-cache;hit;ttl=86400"
        status, _, read = curl(url + second["content-location"])
        assert (status, read, len(at.model.asked)) == (200, chat_answer(), 1)

    def test_it_is_told_what_to_do(self, url_of):
        at = setting()
        url = url_of(at)
        path, _ = at.cacheable(chat_body())
        status, _, body = curl(url + path)
        assert (status, json.loads(body)["route"]) == (428, CHAT)
        assert self.post(at, url, key="sk-somebody-elses")[0] == 401
        assert at.model.asked == []

    def test_its_stream_is_replayed_as_one(self, url_of):
        at = setting(ScriptedModel(answering(200, chat_stream("2", "+2"), SSE)))
        url = url_of(at)
        (_, _, body), (_, second, again) = (self.post(at, url, chat_body(stream=True)) for _ in range(2))
        assert body == again == b"".join(chat_stream("2", "+2"))
        assert second["content-type"] == "text/event-stream; charset=utf-8"
        assert second["cache-status"].startswith("inference-edge-cache;hit")
        assert len(at.model.asked) == 1


def conversing(access):
    rules = RouteRules(dialect="bedrock-converse")
    edge = EdgeConfig(routes=(RouteConfig(path=CONVERSE, generation="g" * 12, rules=rules),), access=access)
    config = GatewayConfig(edge, {CONVERSE: ResultRules(ttl=60, result_max_age=3600)})
    model = ScriptedModel(answering(200, json.dumps(CONVERSED).encode()))
    return setting(model, config=config, keyring=Keyring.public() if access == "public" else None)


def converse(url):
    bedrock = boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    question = [{"role": "user", "content": [{"text": "2+2?"}]}]
    return bedrock.converse(modelId="claude-m", messages=question, inferenceConfig={"temperature": 0})


def test_boto3_gets_the_stored_answer_of_a_converse_route(url_of):
    at = conversing("public")
    url = url_of(at)
    answers = [converse(url) for _ in range(2)]
    assert [answer["output"] for answer in answers] == [CONVERSED["output"]] * 2
    assert answers[1]["ResponseMetadata"]["HTTPHeaders"]["cache-status"].startswith("inference-edge-cache;hit")
    assert len(at.model.asked) == 1
    assert at.model.asked[0].headers == ()  # its signature for AWS stays here


def test_boto3_without_a_key_of_the_cache_is_refused(url_of):
    at = conversing("keyed")
    with pytest.raises(ClientError) as refused:
        converse(url_of(at))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 401
    assert at.model.asked == []
