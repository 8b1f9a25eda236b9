"""A cache with a gateway as it is deployed: its viewers, its callers, its log, and what lies in its bucket."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aws_programs import MASTER, cache
from model_kit import Exchange, Server, message

from aws_emulator.deployer import Stack
from aws_emulator.process import Emulator
from aws_emulator.viewer import Answer, Viewers, viewers
from inference_edge_cache.protocol import (
    PUBLIC_API_KEY,
    ApiKey,
    EdgeConfig,
    Preimage,
    derive_api_key,
    encode_payload,
    inference_path,
    parse_edge_config,
    request_key,
    storable_request,
)
from inference_edge_cache.testing import Recording

EMBED, CHAT = "/v1/embeddings", "/v1/chat/completions"
VECTOR = [0.25, -0.5]


def embeddings(text: str, **more: Any) -> bytes:
    """A request for a vector. Another text is another request."""
    return json.dumps({"model": "e5", "input": text, **more}).encode()


def chat(text: str, **more: Any) -> bytes:
    """A request for a chat that can be kept."""
    asked = {"model": "m", "messages": [{"role": "user", "content": text}], "temperature": 0}
    return json.dumps({**asked, **more}).encode()


def speaks_openai(exchange: Exchange) -> bool:
    """What a model says that has the API of OpenAI: a vector, a chat, or the events of one; to a GET, its name."""
    if exchange.seen.method == "GET":
        exchange.send(_json({"object": "list", "data": [{"id": "e5", "object": "model"}]}))
        return True
    asked = json.loads(exchange.seen.body)
    if exchange.seen.target.endswith(EMBED):
        found = {"object": "embedding", "index": 0, "embedding": VECTOR}
        exchange.send(_json({"object": "list", "model": "e5", "data": [found], "usage": _usage()}))
        return True
    if not asked.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": "four"}, "finish_reason": "stop"}
        exchange.send(_json({**_chat("chat.completion"), "choices": [choice], "usage": _usage()}))
        return True
    deltas = [({"role": "assistant", "content": "fo"}, None), ({"content": "ur"}, None), ({}, "stop")]
    choices = [{"index": 0, "delta": delta, "finish_reason": reason} for delta, reason in deltas]
    events = [{**_chat("chat.completion.chunk"), "choices": [choice]} for choice in choices]
    lines = [*(json.dumps(event) for event in events), "[DONE]"]
    body = "".join(f"data: {line}\n\n" for line in lines).encode()
    exchange.send(message(body, "200 OK", "Content-Type: text/event-stream"))
    return True


def _json(document: Mapping[str, Any]) -> bytes:
    return message(json.dumps(document).encode())


def _usage() -> dict[str, int]:
    return {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def _chat(kind: str) -> dict[str, Any]:
    return {"id": "1", "object": kind, "created": 1, "model": "m"}


def at(server: Server) -> str:
    """The address of a server of this machine under a name of ``example.com``, as the emulator finds it."""
    return f"https://model.example.com:{server.url.rpartition(':')[2]}"


@dataclass(frozen=True)
class Deployed:
    """What is there once ``recording`` is applied, and short ways to ask it as the tenant ``alice``."""

    stack: Stack
    recording: Recording
    viewer: Viewers

    @property
    def aws(self) -> Emulator:
        return self.stack.aws

    @property
    def bucket(self) -> str:
        """The results bucket."""
        return self.made("results")["bucket"]

    @property
    def function(self) -> str:
        return self.made("gateway")["name"]

    def made(self, child: str) -> Mapping[str, str]:
        """What AWS answered when a child of the cache was made."""
        (component,) = (one.name for one in self.recording.resources if one.type.endswith(":InferenceEdgeCache"))
        return self.stack.outputs(self.recording.one(f"{component}-{child}"))

    def key(self, tenant: str = "alice") -> ApiKey:
        keyed = any(one.name.endswith("-master-secret") for one in self.recording.resources)
        return derive_api_key(MASTER.encode(), tenant) if keyed else PUBLIC_API_KEY

    def configure(self, code: bytes | None = None, **configuration: Any) -> None:
        """Change the function behind Pulumi's back. With ``code``, a handler, a size or a variable among it, what runs
        next starts anew."""
        client, name = self.aws.client("lambda"), self.function
        changes = [(client.update_function_code, {"ZipFile": code})] if code else []
        changes += [(client.update_function_configuration, configuration)] if configuration else []
        for change, given in changes:
            change(FunctionName=name, **given)
            waiter = client.get_waiter("function_updated_v2")
            waiter.wait(FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})

    @contextmanager
    def again(self) -> "Iterator[Deployed]":
        """The same, seen as it is deployed by now."""
        with viewers(self.aws, self.made("distribution")["id"]) as seen:
            yield Deployed(self.stack, self.recording, seen)

    # Requests ---------------------------------------------------------------------------------------------------------
    @property
    def config(self) -> EdgeConfig:
        """What clients are told."""
        return parse_edge_config(self.viewer.ask("/.well-known/inference-edge-cache.json").body)

    def headers(self, tenant: str = "alice") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key(tenant).text}", "Content-Type": "application/json"}

    def post(self, route: str, body: bytes, *, tenant: str = "alice", **headers: str) -> Answer:
        """As a plain client. Underscores in header names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.viewer.ask(route, "POST", headers={**self.headers(tenant), **named}, body=body)

    def path(self, route: str, body: bytes, tenant: str = "alice") -> tuple[str, str]:
        """Where the answer to a request lies, and the payload that asks for it."""
        found = self.config.route(route)
        assert found
        preimage = storable_request(route, found.rules, (), body)
        assert isinstance(preimage, Preimage), preimage
        key, payload = self.key(tenant), encode_payload(preimage)
        assert payload
        return inference_path(route, found.generation, key.scope, request_key(key.key, preimage)), payload

    def get(self, path: str, payload: str | None = None, method: str = "GET") -> Answer:
        """As the client transport, which sends no credential."""
        return self.viewer.ask(path, method, headers={"Inference-Payload": payload} if payload else {})

    # What is left behind ----------------------------------------------------------------------------------------------
    def invocations(self) -> int:
        """How often the function was run: each leaves its START in the log."""
        return sum(line.startswith("START ") for line in self.log())

    def log(self) -> list[str]:
        pages = self.aws.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=self.made("gateway-logs")["name"])
        return [event["message"] for page in found for event in page["events"]]

    def keys(self) -> list[str]:
        """What lies in the results bucket, but for the discovery document."""
        found = self.aws.client("s3").list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [one["Key"] for one in found if not one["Key"].startswith(".well-known/")]

    def stored(self, path: str) -> Mapping[str, Any] | None:
        """The object that is the answer at ``path``."""
        client = self.aws.client("s3")
        try:
            return client.get_object(Bucket=self.bucket, Key=path.removeprefix("/"))
        except client.exceptions.NoSuchKey:
            return None


@contextmanager
def deployed(aws: Emulator, name: str = "cache", /, **args: Any) -> Iterator[Deployed]:
    """A deployment that is destroyed in the end. Others are there at the same time only under other names."""
    stack, recording = Stack(aws), cache(name, **args)
    try:
        stack.apply(recording)
        with viewers(aws, stack.outputs(recording.one("Distribution"))["id"]) as seen:
            yield Deployed(stack, recording, seen)
    finally:
        stack.destroy()
