"""What users of other caches were served wrongly, or in vain, each under the report that it comes from.

The model answers with a digest of all that it was sent, so that an answer to something else is another answer.
"""

import base64
import json
import random
import struct
import threading
import zlib

import pytest
from gateway_kit import CHAT, EMBEDDINGS, JSON, MASTER, SSE, answering, config_of, failing_after, pausing
from proof_kit import (
    CLASSIFY,
    COMPLETIONS,
    CONVERSE,
    NULL,
    ORIGIN,
    PREDICT,
    RESPONSES,
    SAGEMAKER,
    Ask,
    chat,
    chunk,
    completion,
    embedding,
    events,
    numbering,
    of_origin,
    proof,
    response,
    shipped,
    vector_of,
)

from inference_edge_cache.gateway.messages import Request
from inference_edge_cache.gateway.model import ModelFailed
from inference_edge_cache.gateway.stores.memory import MemoryStore
from inference_edge_cache.protocol import KeyMaterialError, OriginIdentity, RouteRules, derive_api_key

MEASURED = "LiteLLM 1.106.2, measured:"


def case(report, *parts):
    return pytest.param(*parts, id=report)


def stored(response):
    return response.header("cache-control").startswith("public")


def body_of(response):
    assert response.status == 200, response.body
    return response.body


# --- Must differ: two requests that two answers belong to -------------------------------------------------------------

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}


def chats(*fields):
    """Chat requests that differ in these fields alone."""
    return tuple(Ask(chat(**more)) for more in fields)


def prompts(*texts):
    return tuple(Ask(chat(text)) for text in texts)


def of_responses(*fields):
    return tuple(Ask(response(**more), RESPONSES) for more in fields)


def picture(width, height, pixels=bytes(range(256)) * 18):
    """A grey PNG: the same pixels, whatever the shape."""
    rows = b"".join(b"\0" + pixels[row * width : (row + 1) * width] for row in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = _png(b"IHDR", head), _png(b"IDAT", zlib.compress(rows)), _png(b"IEND", b"")
    return _image(b"\x89PNG\r\n\x1a\n" + b"".join(parts), "png")


def _png(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _image(data, kind):
    url = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return [{"type": "text", "text": "Whose invoice is this?"}, {"type": "image_url", "image_url": {"url": url}}]


def jpeg(ending):
    """All invoices of one printer begin alike: the first 1,000 characters say nothing."""
    return _image(b"\xff\xd8\xff\xe0" + bytes(3000) + ending, "jpeg")


def colliding(hashed, bits):
    """Two prompts with one hash, by the birthday paradox."""
    numbers, seen = random.Random(1), {}
    while True:
        text = f"prompt {numbers.getrandbits(64)}"
        value = hashed(text.encode()) & ((1 << bits) - 1)
        if value in seen:
            return seen[value], text
        seen[value] = text


def tensor(shape, data=(1, 2, 3, 4), datatype="INT32", **more):
    inputs = [{"name": "x", "shape": shape, "datatype": datatype, "data": list(data)}]
    return Ask(json.dumps({"inputs": inputs, "parameters": {"temperature": 0}, **more}).encode(), SAGEMAKER)


def with_headers(*lines):
    return tuple(Ask(chat(), headers=line) for line in lines)


SYSTEM = {"role": "system", "content": "You are brief."}
QUESTION = {"role": "user", "content": "And then?"}

MUST_DIFFER = [
    # A field that changes the answer, and was not in the key.
    case("BerriAI/litellm#894 model", *chats({"model": "m"}, {"model": "m-large"})),
    case("BerriAI/litellm#894 max_tokens", *chats({"max_tokens": 16}, {"max_tokens": 4000})),
    case("BerriAI/litellm#894 logit_bias", *chats({}, {"logit_bias": {"50256": -100}})),
    case("BerriAI/litellm#3271 top_logprobs", *chats(*({"logprobs": True, "top_logprobs": n} for n in (2, 5)))),
    case("BerriAI/litellm#5049 top_k", *chats({"top_k": 1}, {"top_k": 40})),
    case("BerriAI/litellm#9844 reasoning_effort", *chats({"reasoning_effort": "low"}, {"reasoning_effort": "high"})),
    case("BerriAI/litellm#9844 thinking", *chats({}, {"thinking": {"type": "enabled", "budget_tokens": 1024}})),
    case("BerriAI/litellm#25673 instructions", *of_responses({}, {"instructions": "Answer in French."})),
    case("BerriAI/litellm#25673 reasoning", *of_responses(*({"reasoning": {"effort": e}} for e in ("low", "high")))),
    case("BerriAI/litellm#25673 max_output_tokens", *of_responses({}, {"max_output_tokens": 16})),
    case("BerriAI/litellm#25673 truncation", *of_responses({"truncation": "auto"}, {"truncation": "disabled"})),
    case("BerriAI/litellm#25673 text", *of_responses({}, {"text": {"format": {"type": "json_object"}}})),
    case("BerriAI/litellm#25673 tools", *of_responses({}, {"tools": [{"type": "function", "name": "weather"}]})),
    case("BerriAI/litellm#42400 num_ctx", *chats({"num_ctx": 2048}, {"num_ctx": 8192})),
    case(
        f"{MEASURED} chat_template_kwargs",
        *chats(*({"chat_template_kwargs": {"enable_thinking": thinks}} for thinks in (True, False))),
    ),
    case(
        f"{MEASURED} extra_body",
        *chats(*({"extra_body": {"chat_template_kwargs": {"enable_thinking": thinks}}} for thinks in (True, False))),
    ),
    case(f"{MEASURED} guided_json", *chats({"guided_json": {"type": "object"}}, {"guided_json": {"type": "array"}})),
    case(
        "microsoft/autogen#7968 tool_choice",
        *chats({"tools": [WEATHER], "tool_choice": "auto"}, {"tools": [WEATHER], "tool_choice": "required"}),
    ),
    case(
        "microsoft/autogen#8211 tool_choice",
        *chats({"tools": [WEATHER], "tool_choice": "auto"}, {"tools": [WEATHER], "tool_choice": "none"}),
    ),
    case("majiayu000/litellm-rs#505 seed", *chats({"seed": 1}, {"seed": 2})),
    case("Continuum-AI-Corp/OrcaRouter-Lite#84 max_tokens", *chats({"max_tokens": 16}, {"max_tokens": 17})),
    case("Continuum-AI-Corp/OrcaRouter-Lite#84 stop", *chats({"stop": ["\n"]}, {"stop": ["\n\n"]})),
    case("Continuum-AI-Corp/OrcaRouter-Lite#84 n", *chats({"seed": 1, "n": 1}, {"seed": 1, "n": 2})),
    case("lunargate-ai/gateway#2 response_format", *chats({}, {"response_format": {"type": "json_object"}})),
    case(
        "lunargate-ai/gateway#2 parallel_tool_calls",
        *chats(*({"tools": [WEATHER], "parallel_tool_calls": at_once} for at_once in (True, False))),
    ),
    case("lunargate-ai/gateway#2 prediction", *chats({}, {"prediction": {"type": "content", "content": "4"}})),
    case(
        "lunargate-ai/gateway#2 safety_settings",
        *chats(*({"safety_settings": [{"threshold": each}]} for each in ("BLOCK_NONE", "BLOCK_LOW_AND_ABOVE"))),
    ),
    case("instructor-ai/instructor#2585 temperature", *chats({"temperature": 0}, {"temperature": 0.7})),
    case("instructor-ai/instructor#2585 seed", *chats({"temperature": 0}, {"temperature": 0, "seed": 7})),
    case("higress-group/higress#4557 schema", *chats(*({"response_format": {"schema": s}} for s in ("a", "b")))),
    case("higress-group/higress#4557 tools", *chats({"tools": [WEATHER]}, {"tools": [CLOCK]})),
    case("miruamel/xingyu#129 provider in the body", *chats(*({"provider": {"order": [p]}} for p in ("a", "b")))),
    # What the request is for, and what it says beside the body.
    case("apache/apisix#13887 path", Ask(chat(), CHAT), Ask(chat(), CLASSIFY)),
    case("apache/apisix#13887 query", Ask(chat()), Ask(chat(), query="api-version=2")),
    case("apache/apisix#13887 two queries", Ask(chat(), query="api-version=1"), Ask(chat(), query="api-version=2")),
    case("conformance: openai-beta absent", *with_headers((), (("openai-beta", "assistants=v2"),))),
    case("conformance: openai-beta", *with_headers((("openai-beta", "v1"),), (("openai-beta", "v2"),))),
    case("conformance: openai-beta empty", *with_headers((), (("openai-beta", ""),))),
    case("conformance: anthropic-beta", *with_headers((), (("anthropic-beta", "output-128k-2025-02-19"),))),
    case("conformance: two anthropic-betas", *with_headers((("anthropic-beta", "a"),), (("anthropic-beta", "b"),))),
    case(
        "conformance: a SageMaker variant",
        *(
            Ask(b'{"inputs": "hi", "parameters": {"do_sample": false}}', SAGEMAKER, headers)
            for headers in ((), (("x-amzn-sagemaker-target-variant", "b"),))
        ),
    ),
    # Parts that were joined without saying where one ends.
    case(f"{MEASURED} temperature in the prompt", Ask(chat("hi")), Ask(chat("hitemperature: 0", temperature=None))),
    case(
        f"{MEASURED} suffix in the prompt",
        *(Ask(completion(text, suffix=suffix), COMPLETIONS) for text, suffix in (("hi", "x"), ("hisuffix: x", None))),
    ),
    case(f"{MEASURED} user in the model", *chats({"model": "m", "user": "a"}, {"model": "muser: a"})),
    case(
        f"{MEASURED} dimensions in the input",
        Ask(embedding("x", dimensions=8), EMBEDDINGS),
        Ask(embedding("xdimensions: 8"), EMBEDDINGS),
    ),
    case("HKUDS/LightRAG#3392 neighbours", *chats(*({"a": a, "b": b} for a, b in (("abc", "x"), ("ab", "cx"))))),
    case(
        "HKUDS/LightRAG#3392 messages",
        *chats(
            *({"messages": [{"role": "user", "content": c} for c in each]} for each in (("abc", "x"), ("ab", "cx")))
        ),
    ),
    case("HKUDS/LightRAG#3435 header and body", *with_headers((("openai-beta", "ab"),), (("openai-beta", "a"),))),
    case("vllm-project/vllm#44701 LoRA or salt", *chats({"lora_name": "X"}, {"cache_salt": "X"})),
    # A hash that is too short to tell requests apart.
    case("mastra-ai/mastra#17900 32 bits", *prompts(*colliding(zlib.crc32, 32))),
    case("LMCache/LMCache#3301 16 bits", *(Ask(chat(_image(it.encode(), "png"))) for it in colliding(zlib.crc32, 16))),
    case("triton-inference-server shape", tensor([2, 2]), tensor([4, 1])),
    case("triton-inference-server datatype", tensor([4], datatype="INT32"), tensor([4], datatype="FP32")),
    case("triton-inference-server number type", tensor([1], [1]), tensor([1], [1.0])),
    case("triton-inference-server outputs", *(tensor([4], outputs=[{"name": name}]) for name in ("a", "b"))),
    case("triton-inference-server input order", *(tensor([2], data) for data in ((1, 2), (2, 1)))),
    # Images.
    case("waybarrios/vllm-mlx#126 one beginning", *prompts(jpeg(b"alice"), jpeg(b"bob"))),
    case("waybarrios/vllm-mlx#197 one byte", *prompts(jpeg(b"\x00"), jpeg(b"\x01"))),
    case("ai-dynamo/dynamo#8340 30x150 or 150x30", *prompts(picture(30, 150), picture(150, 30))),
    case("langchain-ai/langchainjs#10092 another image", *prompts(picture(30, 150), picture(90, 50))),
    case("langchain-ai/langchainjs#10092 no image", *prompts(picture(30, 150), picture(30, 150)[:1])),
    # Only a part of the conversation was in the key.
    case("zilliztech/GPTCache history", *chats({"messages": [QUESTION]}, {"messages": [SYSTEM, QUESTION, QUESTION]})),
    case("zilliztech/GPTCache system prompt", *chats({"messages": [QUESTION]}, {"messages": [SYSTEM, QUESTION]})),
    case(
        "conformance: order of messages", *chats(*({"messages": m} for m in ([SYSTEM, QUESTION], [QUESTION, SYSTEM])))
    ),
    case("conformance: order of tools", *chats(*({"tools": tools} for tools in ([WEATHER, CLOCK], [CLOCK, WEATHER])))),
    case("maximhq/bifrost#2142 tools", *chats({"tools": [WEATHER]}, {"tools": [WEATHER, CLOCK]})),
    # Texts that were taken for the same.
    case(
        "BerriAI/litellm#6954 alike", *prompts("What is the capital of Austria?", "What is the capital of Australia?")
    ),
    case("LemonData: another body", *prompts("Sum up: a b c", "Sum up: a b d")),
    case("conformance: case", *prompts("print(x)", "print(X)")),
    case("conformance: whitespace", *prompts("if x:\n  y", "if x:\n    y")),
    case("conformance: a space at the end", *prompts("hi", "hi ")),
    case("conformance: NFC and NFD", *prompts("caf\u00e9", "cafe\u0301")),
    case("conformance: absent or null", *chats({}, {"stop": NULL})),
    case("conformance: absent or false", *chats({}, {"logprobs": False})),
    case("conformance: number or text", *chats({"seed": 1}, {"seed": "1"})),
    case("npm canonicalize: seeds beyond 2^53", *chats({"seed": 2**53}, {"seed": 2**53 + 1})),
    case("npm canonicalize: seeds up to 2^53", *chats({"seed": 2**53 - 2}, {"seed": 2**53 - 1})),
    # Two forms of one answer.
    case("BerriAI/litellm#11145 stream", *chats({}, {"stream": True})),
    case("BerriAI/litellm#24579 stream of Responses", *of_responses({}, {"stream": True})),
    case("vllm-project/semantic-router#2140 stream", *chats({"stream": False}, {"stream": True})),
    case(
        "diegosouzapw/OmniRoute#3108 stream options",
        *chats({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
    ),
    case(
        "conformance: encoding of vectors",
        *(Ask(embedding(encoding_format=form), EMBEDDINGS) for form in ("float", "base64")),
    ),
    # Batches.
    case(
        "BerriAI/litellm#2990 one text or a batch", Ask(embedding("a"), EMBEDDINGS), Ask(embedding(["a"]), EMBEDDINGS)
    ),
    case("BerriAI/litellm#20456 order", *(Ask(embedding(texts), EMBEDDINGS) for texts in (["a", "b"], ["b", "a"]))),
    case("BerriAI/litellm#29284 a longer batch", *(Ask(embedding(t), EMBEDDINGS) for t in (["a"], ["a", "b"]))),
    case("BerriAI/litellm#41799 one joined text", *(Ask(embedding(t), EMBEDDINGS) for t in (["a", "b"], ["ab"]))),
    case(
        "conformance: instances",
        *(
            Ask(json.dumps({"instances": each, "parameters": {"temperature": 0}}).encode(), PREDICT)
            for each in (["a", "b"], ["b", "a"])
        ),
    ),
    case(
        "conformance: Converse's system",
        *(
            Ask(json.dumps({"messages": [], "inferenceConfig": {"temperature": 0}, **more}).encode(), CONVERSE)
            for more in ({}, {"system": [{"text": "You are brief."}]})
        ),
    ),
]


@pytest.mark.parametrize(("one", "other"), MUST_DIFFER)
def test_another_request_gets_another_answer(one, other):
    at = proof()
    first, second = body_of(at.ask(one)), body_of(at.ask(other))
    assert first != second
    assert len(at.model.asked) == 2
    # And each has its own back, in either order.
    assert (body_of(at.ask(other)), body_of(at.ask(one))) == (second, first)


@pytest.mark.parametrize(("one", "other"), MUST_DIFFER)
def test_another_request_has_another_cacheable_form(one, other):
    at = proof()
    places = {at.place(found) for found in map(at.preimage, (one, other)) if found}
    fetched = [answer for answer in map(at.fetch, (one, other)) if answer]
    assert len({body_of(answer) for answer in fetched}) == len(fetched) == len(at.model.asked)
    assert len(places) == sum(at.preimage(ask) is not None for ask in (one, other))


ORIGINS = [
    ORIGIN,
    OriginIdentity(endpoint="https://other.example.com", model="m"),
    OriginIdentity(endpoint="https://model.example.com", model="m-2026-11-01"),
    OriginIdentity(endpoint="https://model.example.com", model="m", variant="canary"),
    OriginIdentity(endpoint="https://model.example.comm", model=""),
]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        case("miruamel/xingyu#129 provider", ORIGINS[0], ORIGINS[1]),
        case("sashiko-dev/sashiko#480 configuration that is not in the request", ORIGINS[0], ORIGINS[3]),
        case("conformance: an alias that stands for another model", ORIGINS[0], ORIGINS[2]),
        case("Portkey-AI/gateway: provider and host in no key", ORIGINS[0], ORIGINS[4]),
    ],
)
def test_another_model_behind_the_same_request_gives_another_answer(one, other):
    store = MemoryStore()
    places = [proof(of_origin(origin), config=shipped(origin), store=store) for origin in (one, other)]
    asks = [Ask(chat()), Ask(embedding(), EMBEDDINGS), Ask(chat(), CLASSIFY)]
    for ask in asks:
        first, second = (body_of(at.ask(ask)) for at in places)
        assert first != second
        assert [body_of(at.ask(ask)) for at in places] == [first, second]
    assert [len(at.model.asked) for at in places] == [len(asks)] * 2


@pytest.mark.parametrize(
    ("lax", "strict", "kept", "asked"),
    [
        case("ignored fields", {"ignored_fields": ("persona",)}, {}, {"persona": "a"}, {}),
        case("determinism", {"determinism": "sampling_allowed"}, {}, {"temperature": 1}, {"temperature": 1}),
        case("key headers", {}, {"key_headers": ("x-persona",)}, {}, {}),
        case("remote URLs", {"remote_urls": True}, {}, {"image": "s3://a/b"}, {"image": "s3://a/b"}),
    ],
)
def test_what_was_kept_under_other_rules_is_out_of_reach(lax, strict, kept, asked):
    """Conformance: a stricter rule counts as if it had been there from the start."""
    store = MemoryStore()
    before, after = (
        proof(config=config_of({CHAT: RouteRules(dialect="openai-chat", **rules)}), store=store)
        for rules in (lax, strict)
    )
    answer = before.ask(Ask(chat(**kept)))
    assert stored(answer)
    assert after.get(answer.header("content-location")).status == 428
    after.ask(Ask(chat(**asked)))
    assert len(after.model.asked) == 1


@pytest.mark.parametrize(
    "tenants",
    [
        case("vllm-project/semantic-router#2134 alice, bob", ("alice", "bob")),
        case("BerriAI/litellm#29954 case", ("Alice", "alice")),
        case("BerriAI/litellm#29955 the beginning of another", ("team", "team-2")),
        case("BerriAI/litellm#29957 spaces", ("team", "team ")),
        case("maximhq/bifrost#5769 three", ("a", "b", "c")),
        case("maximhq/bifrost#6101 normalization", ("caf\u00e9", "cafe\u0301")),
        case("NVIDIA/NeMo-Relay#404 names of a default", ("default", "none", "null", " ", "0")),
        case("vllm-project/vllm#44701 separators", ("a|b", "a", "|b", "scope|a")),
    ],
)
def test_two_tenants_never_share_an_answer(tenants):
    at = proof(numbering())
    answers = [body_of(at.ask(Ask(chat(), tenant=tenant))) for tenant in tenants]
    assert len(set(answers)) == len(tenants)
    assert [body_of(at.ask(Ask(chat(), tenant=tenant))) for tenant in tenants] == answers
    assert [at.fetch(Ask(chat(), tenant=tenant)).body for tenant in tenants] == answers
    assert len(at.model.asked) == len(tenants)


def test_a_tenant_without_a_name_has_no_key():
    """NVIDIA/NeMo-Relay#404: an empty namespace shared answers with all the others that had none."""
    with pytest.raises(KeyMaterialError):
        derive_api_key(MASTER, "")


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        case(f"{MEASURED} metadata.user_api_key", {"metadata": {"user_api_key": "bob"}}, ()),
        case("BerriAI/litellm#19575 namespace in the body", {"metadata": {"namespace": "bob"}}, ()),
        case("Portkey-AI/gateway namespace in a header", {}, (("x-portkey-cache-namespace", "bob"),)),
        case("Helicone/helicone seed in a header", {}, (("helicone-cache-seed", "bob"),)),
        case("maximhq/bifrost key in a header", {}, (("x-bf-cache-key", "bob"),)),
        case("Cloudflare: key in a header", {}, (("cf-aig-cache-key", "bob"),)),
        case("conformance: tenant in a header", {}, (("x-tenant", "bob"), ("inference-scope", "bob"))),
    ],
)
def test_a_caller_cannot_say_whose_answers_to_have(said, lines):
    at = proof(numbering())
    of_bob = body_of(at.ask(Ask(chat(), tenant="bob")))
    assert body_of(at.ask(Ask(chat(**said), headers=lines, tenant="alice"))) != of_bob
    assert len(at.model.asked) == 2


# --- Must equal: needless misses --------------------------------------------------------------------------------------

PLAIN = b'{"model":"m","messages":[{"role":"user","content":"caf\xc3\xa9 1/2"}],"temperature":0,"max_tokens":16}'


def rewritten(*replacements):
    body = PLAIN
    for old, new in replacements:
        assert old in body
        body = body.replace(old, new)
    return body


def reordered(fields):
    """The same, with the properties of every object the other way round."""
    if isinstance(fields, dict):
        return {name: reordered(fields[name]) for name in reversed(fields)}
    return [reordered(item) for item in fields] if isinstance(fields, list) else fields


TOOL = json.loads(
    chat(tools=[WEATHER, CLOCK], response_format={"type": "json_schema", "json_schema": {"a": 1, "b": 2}})
)

MUST_EQUAL = [
    case("maximhq/bifrost#2142 order in tools", json.dumps(TOOL).encode(), json.dumps(reordered(TOOL)).encode()),
    case("maximhq/bifrost#2791 order at the top", PLAIN, json.dumps(reordered(json.loads(PLAIN))).encode()),
    case(
        "maximhq/bifrost#2912 order in messages",
        PLAIN,
        rewritten((b'{"role":"user","content":"caf\xc3\xa9 1/2"}', b'{"content":"caf\xc3\xa9 1/2","role":"user"}')),
    ),
    case(
        "maximhq/bifrost#3190 order in extra fields",
        *(
            chat(extra_body=dict(each))
            for each in ((("a", 1), ("b", {"c": 1, "d": 2})), (("b", {"d": 2, "c": 1}), ("a", 1)))
        ),
    ),
    case(
        f"{MEASURED} order of arguments",
        *(b'{"temperature":0,"model":"m","messages":[]}', b'{"messages":[],"model":"m","temperature":0}'),
    ),
    case(f"{MEASURED} 0 and 0.0", PLAIN, rewritten((b'"temperature":0', b'"temperature":0.0'))),
    case("conformance: -0", PLAIN, rewritten((b'"temperature":0', b'"temperature":-0'))),
    case("conformance: -0.0e5", PLAIN, rewritten((b'"temperature":0', b'"temperature":-0.0e5'))),
    case("conformance: 16 and 1.6e1", PLAIN, rewritten((b'"max_tokens":16', b'"max_tokens":1.6e1'))),
    case("conformance: e9 escaped", PLAIN, rewritten((b"\xc3\xa9", b"\\u00e9"))),
    case("conformance: ASCII escaped", PLAIN, rewritten((b"1/2", b"\\u0031\\/2"))),
    case("conformance: a key escaped", PLAIN, rewritten((b'"model"', b'"mod\\u0065l"'))),
    case("Cloudflare AI Gateway whitespace", PLAIN, rewritten((b",", b" ,\r\n\t"), (b":", b" : "))),
    case("OpenRouter indentation", PLAIN, json.dumps(json.loads(PLAIN), indent=4).encode()),
    case("OpenAI SDK 2.54: ASCII", PLAIN, json.dumps(json.loads(PLAIN), ensure_ascii=True).encode()),
    case("Helicone/helicone#5768 user", PLAIN, rewritten((b'"model":"m"', b'"model":"m","user":"u-2"'))),
    case("Helicone/helicone#5768 two users", chat(user="u-1"), chat(user="u-2")),
    case("cloudflare/cloudflare-docs#26027 metadata", chat(metadata={"trace": "1"}), chat(metadata={"trace": "2"})),
    case("langchain-ai/langchain#33883 message ids, in metadata", chat(metadata={"ids": ["a"]}), chat()),
    case("langchain-ai/langchain#32622 run ids, in metadata", *(chat(metadata={"id": it}) for it in ("r-1", "r-2"))),
    case("conformance: safety_identifier", chat(safety_identifier="a"), chat(safety_identifier="b")),
    case("conformance: prompt_cache_key", chat(prompt_cache_key="a"), chat()),
]


@pytest.mark.parametrize(("one", "other"), MUST_EQUAL)
def test_the_same_request_written_otherwise_has_the_same_answer(one, other):
    at = proof(numbering())
    first = body_of(at.ask(Ask(one)))
    for ask in (Ask(other), Ask(one)):
        assert body_of(at.ask(ask)) == first
        assert body_of(at.fetch(ask)) == first
    assert len(at.model.asked) == 1


CALLERS = [
    case("Cloudflare: the caller's own model credential", (("x-api-key", "sk-1"),), (("x-api-key", "sk-2"),)),
    case("Helicone: another credential", (("api-key", "a"),), ()),
    case("Portkey: a trace id", (("x-portkey-trace-id", "1"),), (("x-portkey-trace-id", "2"),)),
    case("conformance: traceparent", (("traceparent", "00-1-1-01"),), (("traceparent", "00-2-2-01"),)),
    case("conformance: user agent", (("user-agent", "OpenAI/Python 2.54"),), (("user-agent", "curl/8"),)),
    case("conformance: SDK headers", (("x-stainless-retry-count", "0"),), (("x-stainless-retry-count", "1"),)),
    case("conformance: a cookie", (("cookie", "a=1"),), (("cookie", "a=2"),)),
    case("conformance: who pays", (("openai-organization", "a"),), (("openai-project", "b"),)),
    case("conformance: accept", (("accept", "application/json"),), (("accept", "*/*"),)),
    case("conformance: accepted codings", (("accept-encoding", "gzip"),), (("accept-encoding", "identity"),)),
]


@pytest.mark.parametrize(("one", "other"), CALLERS)
def test_a_header_that_cannot_change_the_answer_does_not(one, other):
    at = proof(numbering())
    answers = {body_of(at.ask(Ask(chat(), headers=headers))) for headers in (one, other, ())}
    assert len(answers) == len(at.model.asked) == 1
    assert at.model.asked[0].headers == ()


def test_a_stream_and_its_json_are_two_answers_that_stay_what_they_are():
    """gumieri/nenya#18 (a hit was always a stream), Portkey-AI/gateway#19 (a hit was always JSON)."""
    at = proof()
    asks = [Ask(chat(stream=stream)) for stream in (False, True)]
    for _ in range(3):
        plain, streamed = map(at.ask, asks)
        assert plain.header("content-type") == "application/json"
        assert streamed.header("content-type").startswith("text/event-stream")
        assert json.loads(plain.body)["object"] == "chat.completion"
        assert streamed.body.endswith(b"data: [DONE]\n\n")
    assert len(at.model.asked) == 2


@pytest.mark.parametrize(
    "batches",
    [
        case("BerriAI/litellm#41799 hit and miss", (["a"], ["a", "b"], ["b", "a"], ["c", "a", "b"])),
        case("BerriAI/litellm#20456 the same texts again", (["a", "b"], ["a", "b", "a"], ["a", "b"])),
        case("BerriAI/litellm#13250 nothing in between", (["a", "", "b"], ["a", "b"])),
        case("BerriAI/litellm#2990 one after the other", ("a", ["a"], "b", ["b"])),
    ],
)
def test_each_text_of_a_batch_gets_its_own_vector(batches):
    at = proof()
    for batch in (*batches, *batches):
        data = json.loads(body_of(at.ask(Ask(embedding(batch), EMBEDDINGS))))["data"]
        texts = batch if isinstance(batch, list) else [batch]
        assert [item["index"] for item in data] == list(range(len(texts)))
        assert [item["embedding"] for item in data] == [vector_of(text) for text in texts]
    assert len(at.model.asked) == len({json.dumps(batch) for batch in batches})


# --- Must not store: the request --------------------------------------------------------------------------------------

SEARCH = {"type": "web_search"}

REFUSED_REQUESTS = [
    case("Continuum-AI-Corp/OrcaRouter-Lite#84 no temperature", Ask(chat(temperature=None))),
    case("Continuum-AI-Corp/OrcaRouter-Lite#85 temperature null", Ask(chat(temperature=NULL))),
    case("BerriAI/litellm#19760 temperature 1", Ask(chat(temperature=1))),
    case("BerriAI/litellm#19760 almost 0", Ask(chat(temperature=1e-9))),
    case("microsoft/genaiscript#69 temperature 0.8", Ask(chat(temperature=0.8))),
    case("zilliztech/GPTCache#306 temperature 2", Ask(chat(temperature=2))),
    case("conformance: temperature as a text", Ask(chat(temperature="0"))),
    case("conformance: temperature false", Ask(chat(temperature=False))),
    case("conformance: a random seed", Ask(chat(temperature=None, seed=-1))),
    case("promptfoo/promptfoo#1431 several samples", Ask(chat(n=3))),
    case("conformance: store", Ask(chat(store=True))),
    case("conformance: store by default", Ask(response(store=None), RESPONSES)),
    case("conformance: previous_response_id", Ask(response(previous_response_id="resp_1"), RESPONSES)),
    case("conformance: conversation", Ask(response(conversation="conv_1"), RESPONSES)),
    case("conformance: background", Ask(response(background=True), RESPONSES)),
    case("conformance: a stored prompt", Ask(response(prompt={"id": "pmpt_1"}), RESPONSES)),
    case("conformance: a server's tool", Ask(response(tools=[SEARCH]), RESPONSES)),
    case("conformance: web search", Ask(chat(web_search_options={}))),
    case("conformance: duplicate keys", Ask(chat()[:-1] + b', "model": "m"}')),
    case("conformance: duplicate keys, nested", Ask(chat(a=0).replace(b'"a": 0', b'"a": {"b": 1, "b": 2}'))),
    case("conformance: duplicate ignored keys", Ask(chat()[:-1] + b', "user": "a", "user": "b"}')),
    case("conformance: seed 2^53", Ask(chat(seed=2**53))),
    case("conformance: NaN", Ask(chat(seed=0).replace(b'"seed": 0', b'"seed": NaN'))),
    case("conformance: a lone surrogate", Ask(chat("\ud800"))),
    case("conformance: trailing bytes", Ask(chat() + b"{}")),
    case("conformance: a byte order mark", Ask(b"\xef\xbb\xbf" + chat())),
    case("conformance: too deep", Ask(chat(json.loads("[" * 300 + "]" * 300)))),
    case("conformance: not JSON", Ask(b"{'model': 'm', 'temperature': 0}")),
    case("conformance: larger than the limit", Ask(chat("x" * 5 * 2**20))),
    case("conformance: an image behind a URL", Ask(chat([{"image_url": {"url": "https://example.com/a.png"}}]))),
    case("apache/apisix#13887 a query", Ask(chat(), query="a=1")),
    case("conformance: a header that changes the answer", Ask(chat(), headers=(("anthropic-beta", "a"),))),
    case("conformance: it twice, in the key", Ask(chat(), headers=(("openai-beta", "a"), ("openai-beta", "b")))),
    case("conformance: another media type", Ask(chat(), headers=(("accept", "text/csv"),))),
    case("langwatch/tasks#774 bypass", Ask(chat(), headers=(("inference-cache", "bypass"),))),
    case(
        "BerriAI/litellm#3199 no-cache",
        Ask(chat(), headers=(("inference-cache", "bypass"), ("cache-control", "no-cache"))),
    ),
    case("conformance: sampled on Converse", Ask(b'{"messages": [], "inferenceConfig": {}}', CONVERSE)),
    case("conformance: sampled by TGI", Ask(b'{"inputs": "hi", "parameters": {}}', SAGEMAKER)),
    case("conformance: sampled on Vertex", Ask(b'{"instances": ["hi"]}', PREDICT)),
]


@pytest.mark.parametrize("ask", REFUSED_REQUESTS)
def test_a_request_whose_answer_may_not_be_repeated_is_asked_anew_each_time(ask):
    at = proof(numbering())
    first, second = at.ask(ask), at.ask(ask)
    assert body_of(first) != body_of(second)
    assert len(at.model.asked) == 2
    assert [first.header("cache-control"), second.header("cache-control")] == ["no-store"] * 2
    assert first.header("content-location") is None
    assert 'detail="' in first.header("cache-status")
    assert at.store.written == {}


def test_a_request_without_a_tenant_reaches_nobody():
    at = proof()
    answer = at.handle(Request(method="POST", path=CHAT, headers=JSON, body=chat()))
    assert answer.status == 401
    assert (at.model.asked, at.store.written) == ([], {})


# --- Must not store: the answer ---------------------------------------------------------------------------------------


def says(status=200, headers=JSON, **more):
    """A chat completion, with these fields in place of its own."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "4"}, "finish_reason": "stop"}
    choice |= more.pop("choice", {})
    return answering(status, json.dumps({"model": "m", "choices": [choice], **more}).encode(), headers)


def streams(*documents, done=True, cut=0):
    whole = b"".join(events(*documents, done=done))
    return answering(200, whole[: len(whole) - cut], SSE)


def breaks_off(*chunks, headers=JSON):
    return failing_after(list(chunks), ModelFailed(502, "the model broke off"), headers)


TEXT, END = chunk({"content": "4"}), chunk({}, "stop")
OTHER_TYPES = (("content-type", "application/json"), ("content-encoding", "gzip"))
FELL_BACK = (*JSON, ("x-litellm-attempted-fallbacks", "1"))

REFUSED_ANSWERS = [
    *(case(f"lineofflight/frankfurter#347 status {status}", says(status)) for status in (400, 401, 403, 404, 409, 422)),
    *(case(f"ecosyste-ms/packages#1572 status {status}", says(status)) for status in (429, 500, 502, 503, 504, 529)),
    *(case(f"Portkey-AI/gateway any status as 200: {status}", says(status)) for status in (201, 203, 206, 302)),
    case("diegosouzapw/OmniRoute#12885 length", says(choice={"finish_reason": "length"})),
    case("conformance: finish_reason null", says(choice={"finish_reason": None})),
    case("conformance: finish_reason unknown", says(choice={"finish_reason": "paused"})),
    case("UKGovernmentBEIS/inspect_ai#4846 content_filter", says(choice={"finish_reason": "content_filter"})),
    case("HKUDS/LightRAG#3446 refusal", says(choice={"message": {"content": None, "refusal": "No."}})),
    case("HKUDS/LightRAG#3446 an error in a 200", says(error={"message": "overloaded"})),
    case("HKUDS/LightRAG#3446 no choices", says(choices=[])),
    case("gonka-ai/gonka#1723 half an answer", answering(200, b'{"model": "m", "choices": [{"index": 0, "mess')),
    case("gonka-ai/gonka#1723 nothing", answering(200, b"")),
    case("conformance: a page", answering(200, b"<html>Sign in</html>", (("content-type", "text/html"),))),
    case("conformance: a page that says it is JSON", answering(200, b"<html>Sign in</html>")),
    case("conformance: no content type", says(headers=())),
    case("zeroclaw-labs/zeroclaw#9720 another model", says(model="m-small")),
    case("ENTERPILOT/GoModel#960 another provider's model", says(model="other/m-large")),
    case("BerriAI/litellm#3199 fallback", says(headers=FELL_BACK)),
    case("lunargate-ai/gateway#2 another model's name that begins alike", says(model="m2")),
    case("unjs/ocache#73 still encoded", says(headers=OTHER_TYPES)),
    case("conformance: more choices than were asked for", says(choices=[{"index": 0}, {"index": 1}])),
    case("conformance: duplicate keys", answering(200, b'{"model":"m","model":"x","choices":[]}')),
    case("BerriAI/litellm#11145 a stream that nobody asked for", streams(TEXT, END)),
]

REFUSED_STREAMS = [
    case("gumieri/nenya#18 JSON to who asked for a stream", says()),
    case("conformance: no [DONE]", streams(TEXT, END, done=False)),
    case("gonka-ai/gonka#1722 [DONE] alone", streams(done=True)),
    case("gonka-ai/gonka#1723 no finish reason", streams(TEXT)),
    case("gonka-ai/gonka#1723 cut in the last event", streams(TEXT, END, cut=1)),
    case("diegosouzapw/OmniRoute#12885 length", streams(TEXT, chunk({}, "length"))),
    case("UKGovernmentBEIS/inspect_ai#4846 content_filter", streams(TEXT, chunk({}, "content_filter"))),
    case("lineofflight/frankfurter#347 an error in the middle", streams(TEXT, {"error": {"message": "x"}}, END)),
    case("gumieri/nenya#18 an error event", answering(200, [*events(TEXT, END), b"event: error\ndata: {}\n\n"], SSE)),
    case("zeroclaw-labs/zeroclaw#9720 another model", streams(TEXT, chunk({}, "stop", model="m-small"))),
    case("vllm-project/semantic-router#913 status 500", answering(500, events(TEXT, END), SSE)),
]


@pytest.mark.parametrize(
    ("body", "script"),
    [
        *(pytest.param(chat(), *it.values, id=it.id) for it in REFUSED_ANSWERS),
        *(pytest.param(chat(stream=True), *it.values, id=f"{it.id} (stream)") for it in REFUSED_STREAMS),
    ],
)
def test_an_answer_that_is_not_a_whole_and_proper_one_is_given_once(body, script):
    at, ask = proof(script), Ask(body)
    answer = script(None)
    given = (answer.status, b"".join(answer.chunks))
    for said in (at.ask(ask), at.fetch(ask), at.ask(ask)):
        assert (said.status, said.body) == given
        assert said.header("cache-control") == "no-store"
        assert said.header("etag") is None
    assert len(at.model.asked) == 3
    assert at.store.written == {}


@pytest.mark.parametrize(
    ("body", "script"),
    [
        case("gonka-ai/gonka#1723 JSON", chat(), breaks_off(b'{"model":"m",')),
        case("gonka-ai/gonka#1723 whole JSON, and then", chat(), breaks_off(b"".join(says()(None).chunks))),
        case("gonka-ai/gonka#1723 stream", chat(stream=True), breaks_off(*events(TEXT, done=False), headers=SSE)),
        case(
            "gonka-ai/gonka#1723 whole stream, and then", chat(stream=True), breaks_off(*events(TEXT, END), headers=SSE)
        ),
    ],
)
def test_an_answer_that_breaks_off_is_no_answer(body, script):
    at, ask = proof(script), Ask(body)
    for said in (at.ask(ask), at.fetch(ask)):
        assert said.status == 502
        assert said.header("cache-control") == "no-store"
    assert at.store.written == {}


def test_a_caller_who_leaves_a_stream_that_breaks_off_leaves_nothing_behind():
    """Conformance: client disconnect mid-stream. Half an answer is not kept because nobody saw the other half."""
    go = threading.Event()
    at = proof(pausing(events(TEXT, END), go, then=ModelFailed(502, "the model broke off")))
    relayed = at.post(chat(stream=True), live=True).chunks
    assert next(relayed) == events(TEXT)[0]
    relayed.close()
    at.model.script = streams(TEXT, END)
    go.set()
    assert body_of(at.ask(Ask(chat(stream=True)))) == b"".join(events(TEXT, END))
    assert [result.body for result in at.store.written.values()] == [b"".join(events(TEXT, END))]
    assert len(at.model.asked) == 2


@pytest.mark.parametrize(("size", "kept"), [(-1, False), (0, True)])
def test_an_answer_over_the_limit_is_given_and_not_kept(size, kept):
    """Conformance: > cap."""
    said = b"".join(says()(None).chunks)
    at = proof(answering(200, said), config=shipped(max_result_bytes=len(said) + size))
    assert [at.ask(Ask(chat())).body for _ in range(2)] == [said] * 2
    assert len(at.model.asked) == (1 if kept else 2)
    assert len(at.store.written) == kept


def test_an_answer_cut_off_at_the_cap_that_was_asked_for_is_the_answer():
    """What diegosouzapw/OmniRoute#12885 kept was cut off earlier than that."""
    for used, runs in ((15, 2), (16, 1)):
        at = proof(says(choice={"finish_reason": "length"}, usage={"completion_tokens": used}))
        for _ in range(2):
            body_of(at.ask(Ask(chat(max_tokens=16))))
        assert len(at.model.asked) == runs


@pytest.mark.parametrize(
    "data",
    [
        case("BerriAI/litellm#13250 null", [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": None}]),
        case(
            "BerriAI/litellm#13250 a null in a vector",
            [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [None]}],
        ),
        case("BerriAI/litellm#41799 too few", [{"index": 0, "embedding": [1.0]}]),
        case("BerriAI/litellm#41799 one twice", [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [2.0]}]),
        case(
            "BerriAI/litellm#20456 the other way round",
            [{"index": 1, "embedding": [1.0]}, {"index": 0, "embedding": [2.0]}],
        ),
        case("BerriAI/litellm#29284 one too many", [{"index": it, "embedding": [1.0]} for it in range(3)]),
    ],
)
def test_vectors_that_cannot_be_told_apart_are_not_kept(data):
    at = proof(answering(200, json.dumps({"model": "m", "data": data}).encode()))
    for _ in range(2):
        body_of(at.ask(Ask(embedding(["a", "b"]), EMBEDDINGS)))
    assert len(at.model.asked) == 2
    assert at.store.written == {}


# --- Must replay ------------------------------------------------------------------------------------------------------

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Linz"}'}}
CALL_DELTAS = [
    chunk(
        {"role": "assistant", "content": None, "tool_calls": [{"index": 0, **CALL, "function": {"name": "weather"}}]}
    ),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"ci'}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": 'ty":"Linz"}'}}]}),
    chunk({}, "tool_calls"),
]
THOUGHTS = [chunk({"reasoning_content": "2 and 2"}), chunk({"reasoning_content": " is \u200b4"}), TEXT, END]
USAGE = {"prompt_tokens": 9, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 0}}
USAGE_CHUNK = {"object": "chat.completion.chunk", "model": "m", "choices": [], "usage": USAGE}

# Nobody would write it so, and somebody may read it so.
ODD_JSON = (
    b' {"choices":[{"finish_reason":"stop","index":0,'
    b'"message":{"content":"\\u00e9 \xc3\xa9","n":1.0e0}}],"model":"m"}\r\n'
)
ODD_STREAM = b": OPENROUTER PROCESSING\r\n\r\n" + b"".join(events(TEXT, END)).replace(b"\n", b"\r\n") + b": bye\r\n\r\n"


def thinking(text):
    """An answer with fields that were lost on a hit."""
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "created": 1,
            "model": "m",
            "choices": [
                {"index": 0, "message": {"content": text, "reasoning_content": "2 and 2"}, "finish_reason": "stop"}
            ],
            "usage": USAGE,
            "system_fingerprint": "fp_1",
        }
    ).encode()


def one_piece(data):
    return [data]


def bytewise(data):
    return [data[at : at + 1] for at in range(len(data))]


MUST_REPLAY = [
    case("BerriAI/litellm#32068 reasoning_content", chat(), JSON, thinking("4")),
    case("BerriAI/litellm#32068 reasoning_content (stream)", chat(stream=True), SSE, b"".join(events(*THOUGHTS))),
    case(
        "vllm-project/semantic-router#2140 tool calls",
        chat(),
        JSON,
        b"".join(
            says(choice={"message": {"content": None, "tool_calls": [CALL]}, "finish_reason": "tool_calls"})(
                None
            ).chunks
        ),
    ),
    case(
        "vllm-project/semantic-router#2140 pieces of tool calls", chat(stream=True), SSE, b"".join(events(*CALL_DELTAS))
    ),
    case(
        "vllm-project/semantic-router#913 an empty piece",
        chat(stream=True),
        SSE,
        b"".join(events(chunk({}), TEXT, END)),
    ),
    case(
        "diegosouzapw/OmniRoute#3108 usage",
        chat(stream=True, stream_options={"include_usage": True}),
        SSE,
        b"".join(events(TEXT, END, USAGE_CHUNK)),
    ),
    case("BerriAI/litellm#11145 one piece for each piece", chat(stream=True), SSE, b"".join(events(*[TEXT] * 50, END))),
    case(
        "BerriAI/litellm#24579 events of Responses",
        response(stream=True),
        SSE,
        (
            b'event: response.created\ndata: {"type":"response.created","response":{"status":"in_progress"}}\n\n'
            b'event: response.completed\ndata: {"type":"response.completed","response":{"status":"completed","output":'
            b'[{"type":"reasoning","summary":[]},{"type":"message","status":"completed","content":[]}]}}\n\n'
        ),
    ),
    case("conformance: JSON as it was written", chat(), JSON, ODD_JSON),
    case("conformance: a stream as it was written", chat(stream=True), SSE, ODD_STREAM),
    case(
        "conformance: a media type of its own", chat(), (("content-type", "application/problem+json"),), thinking("4")
    ),
]


@pytest.mark.parametrize("pieces", [one_piece, bytewise])
@pytest.mark.parametrize(("body", "headers", "said"), MUST_REPLAY)
def test_an_answer_is_replayed_byte_for_byte(body, headers, said, pieces):
    at = proof(answering(200, pieces(said), headers))
    ask = Ask(body, RESPONSES if b'"input"' in body else CHAT)
    answers = [at.ask(ask), at.ask(ask), at.fetch(ask)]
    assert [answer.body for answer in answers] == [said] * 3
    kinds = {answer.header("content-type").partition(";")[0] for answer in answers}
    assert kinds == {headers[0][1]}
    assert {answer.header("content-length") for answer in answers} == {str(len(said))}
    assert len(at.model.asked) == 1


@pytest.mark.parametrize("pieces", [one_piece, bytewise])
def test_a_relayed_stream_and_its_replay_are_the_same_bytes(pieces):
    said = b"".join(events(*THOUGHTS, USAGE_CHUNK))
    at = proof(answering(200, pieces(said), SSE))
    relayed = at.post(chat(stream=True), live=True)
    assert relayed.chunks is None or b"".join(relayed.chunks) == said
    assert body_of(at.ask(Ask(chat(stream=True)))) == said
    assert len(at.model.asked) == 1


TURN = {
    "headroomlabs-ai/headroom#3024 chunked": ("transfer-encoding", "chunked"),
    "headroomlabs-ai/headroom#3019 connection": ("connection", "keep-alive, x-of-the-turn"),
    "headroomlabs-ai/headroom#3019 keep-alive": ("keep-alive", "timeout=5"),
    "unjs/ocache#73 content-encoding": ("content-encoding", "identity"),
    "conformance: length": ("content-length", "1"),
    "conformance: cookie": ("set-cookie", "session=of-alice; HttpOnly"),
    "conformance: request id": ("x-request-id", "req_1"),
    "conformance: rate limit": ("x-ratelimit-remaining-tokens", "7"),
    "conformance: organization": ("openai-organization", "alice"),
    "conformance: processing time": ("openai-processing-ms", "512"),
    "conformance: date": ("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
    "conformance: age": ("age", "99"),
    "conformance: vary": ("vary", "authorization"),
    "conformance: expiry": ("expires", "Thu, 01 Jan 2099 00:00:00 GMT"),
    "conformance: etag": ("etag", '"of-the-model"'),
    "conformance: retry": ("retry-after", "1"),
    "conformance: a cache of the model's": ("cache-control", "private, max-age=31536000"),
}


@pytest.mark.parametrize("line", TURN.values(), ids=TURN)
def test_no_header_of_the_producing_turn_is_replayed(line):
    name, value = line
    at, ask = proof(says(headers=(*JSON, line, ("x-of-the-turn", "1")))), Ask(chat())
    for answer in (at.ask(ask), at.ask(ask), at.fetch(ask)):
        assert (name, value) not in answer.headers
        assert answer.header("x-of-the-turn") is None
        assert {named for named, _ in answer.headers} <= {
            *("content-type", "content-length", "cache-control", "etag", "last-modified", "cache-status"),
            "content-location",
        }
    assert len(at.model.asked) == 1


# --- Must obey: what a caller asks of the cache -----------------------------------------------------------------------


def test_a_refresh_is_not_answered_from_the_store():
    """BerriAI/litellm#3199: ``no-cache`` was ignored."""
    at = proof(numbering())
    old = body_of(at.ask(Ask(chat())))
    new = body_of(at.ask(Ask(chat(), headers=(("inference-cache", "refresh"),))))
    assert new != old
    assert body_of(at.ask(Ask(chat()))) == body_of(at.fetch(Ask(chat()))) == new


def test_a_bypass_is_neither_answered_from_the_store_nor_kept():
    """langwatch/tasks#774: the mode was dropped on the way."""
    at = proof(numbering())
    old = body_of(at.ask(Ask(chat())))
    bypass = Ask(chat(), headers=(("inference-cache", "bypass"),))
    assert len({body_of(at.ask(bypass)), body_of(at.ask(bypass)), old}) == 3
    assert body_of(at.ask(Ask(chat()))) == old
    assert [result.body for result in at.store.written.values()] == [old]


def test_a_control_is_no_part_of_the_key():
    """Helicone: another max-age was another key."""
    at = proof(numbering())
    answers = {
        body_of(at.ask(Ask(chat(), headers=(("inference-cache-ttl", ttl),)))) for ttl in ("60", "3600", "999999999")
    }
    assert len(answers) == len(at.model.asked) == 1
