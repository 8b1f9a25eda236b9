"""Which requests may have their answer stored: one table per dialect, each case named after what it is about."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_edge_cache.inference_rules import route_rules
from inference_edge_cache.policy import INFERENCE_PRESETS
from inference_edge_cache.protocol import (
    PUBLIC_KEY,
    Bypass,
    BypassReason,
    KeyMaterialError,
    build_preimage,
    derive_api_key,
    request_key,
    storable_request,
)
from inference_edge_cache.protocol.dialects import DIALECTS, request_storable

RULES = ("required", "sampling_allowed", "deterministic_endpoint")
SCORING = ("openai-embeddings", "rerank", "moderation", "classification")

USER = [{"role": "user", "content": "hi"}]
CHAT = {"model": "m", "messages": USER}
RESPONSES = {"model": "m", "input": "hi", "store": False}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"$schema": "https://json-schema.org/x"}}}
MORE = "additionalModelRequestFields"


def image(url: str) -> dict:
    content = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    return {**CHAT, "messages": [{"role": "user", "content": content}]}


STORABLE = {
    "chat temperature 0": ("openai-chat", {**CHAT, "temperature": 0}),
    "chat temperature 0.0": ("openai-chat", {**CHAT, "temperature": 0.0}),
    "chat temperature -0.0": ("openai-chat", {**CHAT, "temperature": -0.0}),
    "chat seed": ("openai-chat", {**CHAT, "temperature": 0.7, "seed": 7}),
    "chat seed 0": ("openai-chat", {**CHAT, "seed": 0}),
    "chat n 1": ("openai-chat", {**CHAT, "temperature": 0, "n": 1}),
    "chat n null": ("openai-chat", {**CHAT, "temperature": 0, "n": None}),
    "chat several samples with a seed": ("openai-chat", {**CHAT, "seed": 7, "n": 3}),
    "chat functions": ("openai-chat", {**CHAT, "temperature": 0, "tools": [FUNCTION]}),
    "chat custom tool": ("openai-chat", {**CHAT, "temperature": 0, "tools": [{"type": "custom", "custom": {}}]}),
    "chat tools null": ("openai-chat", {**CHAT, "temperature": 0, "tools": None}),
    "chat store false": ("openai-chat", {**CHAT, "temperature": 0, "store": False}),
    "chat store null": ("openai-chat", {**CHAT, "temperature": 0, "store": None}),
    "chat search off": ("openai-chat", {**CHAT, "temperature": 0, "enable_search": False}),
    "chat stream": ("openai-chat", {**CHAT, "temperature": 0, "stream": True}),
    "chat image in the request": ("openai-chat", {**image("data:image/png;base64,AAAA"), "temperature": 0}),
    "chat URL as text": ("openai-chat", {"messages": [{"content": "https://a.example"}], "temperature": 0}),
    "chat URL as an argument": (
        "openai-chat",
        {"messages": [{"tool_calls": [{"function": {"arguments": "https://a"}}]}], "temperature": 0},
    ),
    "chat quoted URL": (
        "openai-chat",
        {"messages": [{"content": "x", "annotations": [{"url_citation": {"url": "https://a"}}]}], "temperature": 0},
    ),
    "chat messages are no list": ("openai-chat", {"messages": 3, "temperature": 0}),
    "completions temperature 0": ("openai-completions", {"prompt": "hi", "temperature": 0}),
    "completions best of 3 with a seed": ("openai-completions", {"prompt": "hi", "best_of": 3, "seed": 1}),
    "responses temperature 0": ("openai-responses", {**RESPONSES, "temperature": 0}),
    "responses function": (
        "openai-responses",
        {**RESPONSES, "temperature": 0, "tools": [{"type": "function", "name": "f"}]},
    ),
    "responses patch": ("openai-responses", {**RESPONSES, "temperature": 0, "tools": [{"type": "apply_patch"}]}),
    "responses prompt with a version": (
        "openai-responses",
        {"store": False, "temperature": 0, "prompt": {"id": "pmpt_1", "version": "2"}},
    ),
    "responses items": (
        "openai-responses",
        {**RESPONSES, "temperature": 0, "input": [{"role": "user", "content": "hi", "id": "msg_1"}, "odd"]},
    ),
    "responses foreground": ("openai-responses", {**RESPONSES, "temperature": 0, "background": False}),
    "converse temperature 0": ("bedrock-converse", {**CONVERSE, "inferenceConfig": {"temperature": 0}}),
    "converse seed": ("bedrock-converse", {**CONVERSE, MORE: {"seed": 3}}),
    "converse temperature 0 twice": (
        "bedrock-converse",
        {**CONVERSE, "inferenceConfig": {"temperature": 0}, MORE: {"temperature": 0, "top_k": 5}},
    ),
    "converse tools": (
        "bedrock-converse",
        {
            **CONVERSE,
            "inferenceConfig": {"temperature": 0},
            "toolConfig": {"tools": [{"toolSpec": {"name": "f"}}, {"cachePoint": {"type": "default"}}]},
        },
    ),
    "converse what a function was called with": (
        "bedrock-converse",
        {
            "messages": [{"content": [{"toolUse": {"input": {"url": "https://a"}}}]}],
            "inferenceConfig": {"temperature": 0},
        },
    ),
    "converse guardrail with a version": (
        "bedrock-converse",
        {**CONVERSE, "inferenceConfig": {"temperature": 0}, "guardrailConfig": {"guardrailVersion": "3"}},
    ),
    "tgi greedy": ("tgi", {"inputs": "hi", "parameters": {"do_sample": False}}),
    "tgi greedy with neutral values": (
        "tgi",
        {"inputs": "hi", "parameters": {"do_sample": False, "temperature": 1.0, "top_p": 1, "top_k": None}},
    ),
    "tgi seed": ("tgi", {"inputs": "hi", "parameters": {"do_sample": True, "seed": 1, "temperature": 0.7}}),
    "tgi temperature 0": ("tgi", {"inputs": "hi", "parameters": {"temperature": 0}}),
    "tgi link": ("tgi", {"inputs": "see [this](https://a)", "parameters": {"seed": 1}}),
    "tgi image in the request": ("tgi", {"inputs": "![](data:image/png;base64,AA)", "parameters": {"seed": 1}}),
    "sagemaker chat": ("sagemaker", {**CHAT, "temperature": 0}),
    "sagemaker prompt": ("sagemaker", {"prompt": "hi", "seed": 3}),
    "sagemaker text generation": ("sagemaker", {"inputs": "hi", "parameters": {"do_sample": False}}),
    "vertex parameters": ("vertex-predict", {"instances": [{"content": "hi"}], "parameters": {"temperature": 0}}),
    "vertex seed": ("vertex-predict", {"instances": [{"prompt": "a cat"}], "parameters": {"seed": 5}}),
    "vertex several with a seed": (
        "vertex-predict",
        {"instances": [{"prompt": "a cat"}], "parameters": {"seed": 5, "sampleCount": 4}},
    ),
    "vertex every instance": ("vertex-predict", {"instances": [{"temperature": 0}, {"temperature": 0.0}]}),
    "embeddings": ("openai-embeddings", {"model": "e", "input": ["a", "https://a.example"]}),
    "embeddings of tokens": ("openai-embeddings", {"model": "e", "input": [[1, 2], [3]]}),
    "rerank": ("rerank", {"query": "q", "documents": ["a", "b"]}),
    "moderation": ("moderation", {"input": "hi"}),
    "classification": ("classification", {"inputs": "hi"}),
}


@pytest.mark.parametrize(("dialect", "document"), STORABLE.values(), ids=STORABLE)
def test_storable_by_the_strictest_rule_and_so_by_every_rule(dialect, document):
    assert [request_storable(dialect, document, rule) for rule in RULES] == [None, None, None]


BY_CHANCE = {
    # G must_not_store: omitted temperature
    "chat temperature missing": ("openai-chat", CHAT, "temperature"),
    "chat temperature null": ("openai-chat", {**CHAT, "temperature": None}, "temperature"),
    "chat temperature 1": ("openai-chat", {**CHAT, "temperature": 1}, "temperature"),
    "chat temperature small": ("openai-chat", {**CHAT, "temperature": 1e-9}, "temperature"),
    "chat temperature as text": ("openai-chat", {**CHAT, "temperature": "0"}, "temperature"),
    "chat temperature false": ("openai-chat", {**CHAT, "temperature": False}, "temperature"),
    "chat top_p alone": ("openai-chat", {**CHAT, "top_p": 0.1}, "temperature"),
    "chat seed as text": ("openai-chat", {**CHAT, "seed": "7"}, "temperature"),
    "chat seed true": ("openai-chat", {**CHAT, "seed": True}, "temperature"),
    "chat seed with a fraction": ("openai-chat", {**CHAT, "seed": 7.5}, "temperature"),
    "chat seed null": ("openai-chat", {**CHAT, "seed": None}, "temperature"),
    "chat seed -1, random to vLLM": ("openai-chat", {**CHAT, "seed": -1}, "temperature"),
    "chat seed 2^32-1, random to llama.cpp": ("openai-chat", {**CHAT, "seed": 4294967295}, "temperature"),
    "chat several samples": ("openai-chat", {**CHAT, "temperature": 0, "n": 2}, "n"),
    "chat n as text": ("openai-chat", {**CHAT, "temperature": 0, "n": "1"}, "n"),
    "chat n true": ("openai-chat", {**CHAT, "temperature": 0, "n": True}, "n"),
    "completions best of 3": ("openai-completions", {"prompt": "hi", "temperature": 0, "best_of": 3}, "best_of"),
    "responses temperature missing": ("openai-responses", RESPONSES, "temperature"),
    "responses seed, which it has not": ("openai-responses", {**RESPONSES, "seed": 7}, "temperature"),
    "converse temperature at the top": ("bedrock-converse", {**CONVERSE, "temperature": 0}, "temperature"),
    "converse temperature missing": ("bedrock-converse", {**CONVERSE, "inferenceConfig": {}}, "temperature"),
    "converse config is no object": ("bedrock-converse", {**CONVERSE, "inferenceConfig": [0]}, "temperature"),
    "converse temperature contradicted": (
        "bedrock-converse",
        {**CONVERSE, "inferenceConfig": {"temperature": 0}, MORE: {"temperature": 1}},
        "temperature",
    ),
    "tgi without parameters": ("tgi", {"inputs": "hi"}, "do_sample"),
    "tgi do_sample missing": ("tgi", {"inputs": "hi", "parameters": {}}, "do_sample"),
    "tgi do_sample true": ("tgi", {"inputs": "hi", "parameters": {"do_sample": True}}, "do_sample"),
    "tgi do_sample 0": ("tgi", {"inputs": "hi", "parameters": {"do_sample": 0}}, "do_sample"),
    "tgi temperature turns sampling on": (
        "tgi",
        {"inputs": "hi", "parameters": {"do_sample": False, "temperature": 0.5}},
        "temperature",
    ),
    "tgi top_k turns sampling on": ("tgi", {"inputs": "hi", "parameters": {"do_sample": False, "top_k": 5}}, "top_k"),
    "tgi best of 2, which refuses a seed": (
        "tgi",
        {"inputs": "hi", "parameters": {"best_of": 2, "seed": 1}},
        "best_of",
    ),
    "tgi seed at the top": ("tgi", {"inputs": "hi", "seed": 1}, "do_sample"),
    "sagemaker tensor": ("sagemaker", {"instances": [[1.0, 2.0]]}, "do_sample"),
    "sagemaker rows": ("sagemaker", [[1.0, 2.0]], "do_sample"),
    "sagemaker chat at default temperature": ("sagemaker", CHAT, "temperature"),
    "sagemaker read in two ways": ("sagemaker", {**CHAT, "temperature": 0, "parameters": {}}, "parameters"),
    "vertex nothing said": ("vertex-predict", {"instances": [{"content": "hi"}]}, "temperature"),
    "vertex no instances": ("vertex-predict", {"instances": []}, "temperature"),
    "vertex instances are no list": ("vertex-predict", {"instances": 3}, "temperature"),
    "vertex one instance says nothing": ("vertex-predict", {"instances": [{"temperature": 0}, {}]}, "temperature"),
    "vertex instance contradicts": (
        "vertex-predict",
        {"instances": [{"temperature": 1}], "parameters": {"temperature": 0}},
        "temperature",
    ),
    "vertex parameters contradict": (
        "vertex-predict",
        {"instances": [{"temperature": 0}], "parameters": {"temperature": 1}},
        "temperature",
    ),
    "vertex several candidates": (
        "vertex-predict",
        {"instances": [{}], "parameters": {"temperature": 0, "candidateCount": 2}},
        "temperature",
    ),
}


@pytest.mark.parametrize(("dialect", "document", "detail"), BY_CHANCE.values(), ids=BY_CHANCE)
def test_left_to_chance_is_stored_only_when_the_policy_says_so(dialect, document, detail):
    assert request_storable(dialect, document, "required") == Bypass(BypassReason.NOT_DETERMINISTIC, detail)
    assert request_storable(dialect, document, "sampling_allowed") is None
    assert request_storable(dialect, document, "deterministic_endpoint") is None


def test_a_rule_that_is_not_known_is_the_strictest():
    assert request_storable("openai-chat", CHAT, "whatever") is not None
    assert request_storable("openai-chat", {**CHAT, "seed": 1}, "whatever") is None


def chat(**fields) -> dict:
    return {**CHAT, "temperature": 0, **fields}


def responses(**fields) -> dict:
    return {**RESPONSES, "temperature": 0, **fields}


def converse(**fields) -> dict:
    return {**CONVERSE, "inferenceConfig": {"temperature": 0}, **fields}


STATE, TOOL, PROMPT = BypassReason.SERVER_STATE, BypassReason.SERVER_TOOL, BypassReason.STORED_PROMPT
TIED = {
    # G must_not_store: store true, previous_response_id
    "chat store": ("openai-chat", chat(store=True), STATE, "store"),
    "chat store as text": ("openai-chat", chat(store="true"), STATE, "store"),
    "chat store 0": ("openai-chat", chat(store=0), STATE, "store"),
    "chat earlier audio": (
        "openai-chat",
        chat(messages=[{"role": "assistant", "audio": {"id": "audio_1"}}]),
        STATE,
        "audio",
    ),
    "chat web search": ("openai-chat", chat(web_search_options={}), TOOL, "web_search_options"),
    "chat own data": ("openai-chat", chat(data_sources=[{"type": "azure_search"}]), TOOL, "data_sources"),
    "chat live search": ("openai-chat", chat(search_parameters={"mode": "auto"}), TOOL, "search_parameters"),
    "chat plugins": ("openai-chat", chat(plugins=[{"id": "web"}]), TOOL, "plugins"),
    "chat enable_search": ("openai-chat", chat(enable_search=True), TOOL, "enable_search"),
    "chat server tool": ("openai-chat", chat(tools=[FUNCTION, {"type": "web_search"}]), TOOL, "web_search"),
    "chat tool without a type": ("openai-chat", chat(tools=[{"function": {"name": "f"}}]), TOOL, "tools"),
    "chat tools are no list": ("openai-chat", chat(tools="auto"), TOOL, "tools"),
    "chat tool is no object": ("openai-chat", chat(tools=[3]), TOOL, "tools"),
    "completions store": ("openai-completions", {"prompt": "p", "temperature": 0, "store": True}, STATE, "store"),
    "sagemaker chat store": ("sagemaker", chat(store=True), STATE, "store"),
    "responses store": ("openai-responses", responses(store=True), STATE, "store"),
    "responses store missing": ("openai-responses", {"input": "hi", "temperature": 0}, STATE, "store"),
    "responses store null": ("openai-responses", responses(store=None), STATE, "store"),
    "responses previous": ("openai-responses", responses(previous_response_id="resp_1"), STATE, "previous_response_id"),
    "responses conversation": ("openai-responses", responses(conversation={"id": "conv_1"}), STATE, "conversation"),
    "responses background": ("openai-responses", responses(background=True), STATE, "background"),
    "responses reference": (
        "openai-responses",
        responses(input=[{"type": "item_reference", "id": "msg_1"}]),
        STATE,
        "item_reference",
    ),
    "responses reference without a type": ("openai-responses", responses(input=[{"id": "m"}]), STATE, "item_reference"),
    "responses prompt": ("openai-responses", responses(prompt={"id": "pmpt_1"}), PROMPT, "prompt"),
    "responses prompt version null": (
        "openai-responses",
        responses(prompt={"id": "pmpt_1", "version": None}),
        PROMPT,
        "prompt",
    ),
    "responses prompt version empty": (
        "openai-responses",
        responses(prompt={"id": "pmpt_1", "version": ""}),
        PROMPT,
        "prompt",
    ),
    "responses prompt is a name": ("openai-responses", responses(prompt="pmpt_1"), PROMPT, "prompt"),
    **{
        f"responses {kind}": ("openai-responses", responses(tools=[{"type": kind}]), TOOL, detail)
        for kind, detail in {
            "web_search": "web_search",
            "web_search_preview": "web_search",
            "web_search_2025_08_26": "web_search",
            "web_search_preview_2025_03_11": "web_search",
            "file_search": "file_search",
            "code_interpreter": "code_interpreter",
            "computer_use_preview": "computer",
            "computer": "computer",
            "mcp": "mcp",
            "image_generation": "image_generation",
            "shell": "shell",
            "tool_search": "tools",
            "namespace": "tools",
            "programmatic_tool_calling": "tools",
            "invented_tomorrow": "tools",
        }.items()
    },
    "responses loaded tools": (
        "openai-responses",
        responses(input=[{"type": "mcp_list_tools", "tools": []}]),
        TOOL,
        "tools",
    ),
    "converse prompt management": ("bedrock-converse", converse(promptVariables={}), PROMPT, "promptVariables"),
    "converse guardrail draft": (
        "bedrock-converse",
        converse(guardrailConfig={"guardrailVersion": "DRAFT"}),
        STATE,
        "guardrailVersion",
    ),
    "converse guardrail without version": (
        "bedrock-converse",
        converse(guardrailConfig={"guardrailIdentifier": "g"}),
        STATE,
        "guardrailVersion",
    ),
    "converse system tool": (
        "bedrock-converse",
        converse(toolConfig={"tools": [{"systemTool": {"name": "nova_grounding"}}]}),
        TOOL,
        "toolConfig",
    ),
    "converse system tool beside a function": (
        "bedrock-converse",
        converse(toolConfig={"tools": [{"toolSpec": {}, "systemTool": {}}]}),
        TOOL,
        "toolConfig",
    ),
    "converse tool is no object": ("bedrock-converse", converse(toolConfig={"tools": ["f"]}), TOOL, "toolConfig"),
    "converse tools of the model": ("bedrock-converse", converse(**{MORE: {"tools": [{}]}}), TOOL, MORE),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("dialect", "document", "reason", "detail"), TIED.values(), ids=TIED)
def test_state_and_tools_of_the_provider_are_never_stored(dialect, document, reason, detail, rule):
    assert request_storable(dialect, document, rule, remote_urls=True) == Bypass(reason, detail)


REMOTE = {
    "image by URL": ("openai-chat", image("https://a.example/cat.png"), "url"),
    "image by plain http": ("openai-chat", image("http://a.example/cat.png"), "url"),
    "scheme in capitals": ("openai-chat", image("HTTPS://a.example/cat.png"), "url"),
    "space before the scheme": ("openai-chat", image("\n https://a.example/cat.png"), "url"),
    "local file of the server": ("openai-chat", image("file:///etc/motd"), "url"),
    "image as a text": (
        "openai-chat",
        {"messages": [{"content": [{"type": "image_url", "image_url": "https://a"}]}]},
        "image_url",
    ),
    "chat file id": ("openai-chat", {"messages": [{"content": [{"file": {"file_id": "file-1"}}]}]}, "file_id"),
    "responses image": (
        "openai-responses",
        responses(input=[{"role": "user", "content": [{"type": "input_image", "image_url": "https://a"}]}]),
        "image_url",
    ),
    "responses file": (
        "openai-responses",
        responses(input=[{"role": "user", "content": [{"type": "input_file", "file_url": "https://a"}]}]),
        "file_url",
    ),
    "moderation of an image": ("moderation", {"input": [{"image_url": {"url": "https://a"}}]}, "url"),
    "embedding of an image": ("openai-embeddings", {"input": [{"image": "https://a"}]}, "image"),
    "converse object in S3": (
        "bedrock-converse",
        converse(messages=[{"content": [{"image": {"source": {"s3Location": {"uri": "s3://b/k"}}}}]}]),
        "uri",
    ),
    "vertex object in Cloud Storage": ("vertex-predict", {"instances": [{"image": {"gcsUri": "gs://b/k"}}]}, "gcsUri"),
    "tgi image": ("tgi", {"inputs": "what is ![](https://a.example/cat.png)?", "parameters": {"seed": 1}}, "inputs"),
    "sagemaker image": ("sagemaker", {"inputs": "https://a.example/cat.png"}, "inputs"),
    "sagemaker bare text": ("sagemaker", "s3://b/k", ""),
    "field that nobody here knows": ("classification", {"picture": ["https://a"]}, ""),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("dialect", "document", "detail"), REMOTE.values(), ids=REMOTE)
def test_content_elsewhere_is_stored_only_when_the_policy_says_so(dialect, document, detail, rule):
    bypass = request_storable(dialect, document, rule)
    assert bypass == Bypass(BypassReason.REMOTE_CONTENT, detail)
    allowed = request_storable(dialect, document, rule, remote_urls=True)
    assert allowed is None or (rule == "required" and allowed.reason is BypassReason.NOT_DETERMINISTIC)


def test_of_several_fields_with_content_elsewhere_the_same_one_is_named_in_any_order():
    parts = [{"image_url": "https://a", "file_id": "f"}, {"file_id": "f", "image_url": "https://a"}]
    named = {str(request_storable("openai-chat", {"messages": [part]}, "required")) for part in parts}
    assert named == {"remote-content: image_url"}


def test_a_bypass_never_repeats_what_a_request_says():
    secret = {"messages": [{"s3cr3t": "https://s3cr3t"}], "tools": [{"type": "s3cr3t"}], "temperature": 0}
    for document in (secret, {**secret, "tools": None}):
        assert "s3cr3t" not in str(request_storable("openai-chat", document, "required"))


@pytest.mark.parametrize("dialect", ["", "openai", "OPENAI-CHAT", "anthropic-messages"])
def test_an_unknown_dialect_is_a_bypass(dialect):
    assert request_storable(dialect, CHAT, "deterministic_endpoint") == Bypass(BypassReason.UNKNOWN_DIALECT)


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"sagemaker"}))
def test_a_body_that_is_no_object_is_a_bypass(dialect):
    assert request_storable(dialect, [1], "deterministic_endpoint") == Bypass(BypassReason.NOT_AN_OBJECT)


def test_rows_are_a_body_to_a_sagemaker_endpoint_that_samples_nothing():
    assert request_storable("sagemaker", [[1.0, 2.0]], "deterministic_endpoint") is None
    assert request_storable("sagemaker", {"store": "Berlin", "item": 3}, "deterministic_endpoint") is None


FIELDS = (
    "messages input inputs instances parameters temperature seed n best_of store tools type audio prompt version id"
)
BEDROCK = "role toolConfig systemTool inferenceConfig additionalModelRequestFields guardrailConfig guardrailVersion url"
NAMES = st.sampled_from([*FIELDS.split(), *BEDROCK.split()])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["https://a", "function"]),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES | st.text(), inner),
    max_leaves=20,
)


@given(
    dialect=st.sampled_from(sorted(DIALECTS)),
    document=JSON | st.dictionaries(NAMES, JSON),
    rule=st.sampled_from(RULES),
    remote=st.booleans(),
)
def test_no_document_raises(dialect, document, rule, remote):
    outcome = request_storable(dialect, document, rule, remote_urls=remote)
    assert outcome is None or isinstance(outcome, Bypass)


@given(document=st.dictionaries(NAMES, JSON), dialect=st.sampled_from(sorted(DIALECTS)))
def test_what_the_strictest_rule_stores_every_rule_stores(document, dialect):
    if request_storable(dialect, document, "required") is None:
        assert request_storable(dialect, document, "sampling_allowed", remote_urls=True) is None


def test_a_very_deep_document_does_not_raise():
    document = "https://a"
    for _ in range(100_000):
        document = [document]
    assert request_storable("openai-chat", {"x": document}, "sampling_allowed") is not None


# --- Facts of rival caches, from the request to its key, under the presets --------------------------------------------


def key_of(document, preset="openai_chat", headers=(), key=PUBLIC_KEY, path=None, text=None) -> str:
    chosen = INFERENCE_PRESETS[preset]
    body = (json.dumps(document) if text is None else text).encode()
    preimage = storable_request(path or chosen.path, route_rules(chosen.inference), headers, body)
    assert not isinstance(preimage, Bypass)
    return request_key(key, preimage)


MUST_DIFFER = {
    "tool_choice": ({"tool_choice": "auto"}, {"tool_choice": "none"}),
    "max_tokens": ({"max_tokens": 16}, {"max_tokens": 4000}),
    "reasoning_effort": ({"reasoning_effort": "low"}, {"reasoning_effort": "high"}),
    "thinking": ({"thinking": {"type": "enabled"}}, {}),
    "top_k": ({"top_k": 1}, {"top_k": 40}),
    "num_ctx": ({"num_ctx": 2048}, {"num_ctx": 8192}),
    "chat_template_kwargs": (
        {"chat_template_kwargs": {"enable_thinking": True}},
        {"chat_template_kwargs": {"enable_thinking": False}},
    ),
    "guided_json": ({"guided_json": {"type": "object"}}, {"guided_json": {"type": "array"}}),
    "top_logprobs": ({"top_logprobs": 1}, {"top_logprobs": 5}),
    "response_format": ({"response_format": {"type": "json_object"}}, {"response_format": {"type": "text"}}),
    "seed": ({"seed": 1}, {"seed": 2}),
    "n": ({"seed": 1, "n": 1}, {"seed": 1, "n": 2}),
    "stop": ({"stop": ["a"]}, {"stop": ["b"]}),
    "logit_bias": ({"logit_bias": {"1": 5}}, {"logit_bias": {"1": 6}}),
    "parallel_tool_calls": ({"parallel_tool_calls": True}, {"parallel_tool_calls": False}),
    "prediction": ({"prediction": {"content": "a"}}, {"prediction": {"content": "b"}}),
    "safety_settings": ({"safety_settings": [1]}, {"safety_settings": [2]}),
    "model": ({"model": "m-latest"}, {"model": "m-2026-01-01"}),
    "provider": ({"provider": {"order": ["a"]}}, {"provider": {"order": ["b"]}}),
    "stream": ({"stream": True}, {"stream": False}),
    "absent and null": ({"max_tokens": None}, {}),
    "case": ({"messages": [{"content": "Hi"}]}, {"messages": [{"content": "hi"}]}),
    "whitespace in a text": ({"messages": [{"content": "hi  x"}]}, {"messages": [{"content": "hi x"}]}),
    "NFC and NFD": ({"messages": [{"content": "\u00e9"}]}, {"messages": [{"content": "e\u0301"}]}),
    "no separator": (
        {"messages": [{"content": "hi"}]},
        {"messages": [{"content": "hitemperature: 0"}]},
    ),
    "two parts": (
        {"messages": [{"content": "abc"}, {"content": "x"}]},
        {"messages": [{"content": "ab"}, {"content": "cx"}]},
    ),
    "two images with one beginning": (
        {"messages": [{"content": [{"image_url": {"url": "data:image/jpeg;base64," + "A" * 1000 + "B"}}]}]},
        {"messages": [{"content": [{"image_url": {"url": "data:image/jpeg;base64," + "A" * 1000 + "C"}}]}]},
    ),
    "image turned": ({"image": {"width": 30, "height": 150}}, {"image": {"width": 150, "height": 30}}),
    "adapter and salt": ({"lora": "X"}, {"salt": "X"}),
}


@pytest.mark.parametrize(("first", "second"), MUST_DIFFER.values(), ids=MUST_DIFFER)
def test_must_differ(first, second):
    assert key_of({**chat(), **first}) != key_of({**chat(), **second})


def test_must_differ_by_tenant_route_and_header():
    master = b"m" * 32
    keys = [
        key_of(chat()),
        key_of(chat(), key=derive_api_key(master, "alice").key),
        key_of(chat(), key=derive_api_key(master, "bob").key),
        key_of(chat(), path="/v1/images"),
        key_of(chat(), headers=[("OpenAI-Beta", "assistants=v1")]),
        key_of(chat(), headers=[("OpenAI-Beta", "assistants=v2")]),
    ]
    assert len(set(keys)) == len(keys)


def test_must_differ_or_bypass_by_an_unkeyed_header():
    rules = route_rules(INFERENCE_PRESETS["openai_chat"].inference)
    outcome = build_preimage("/c", rules, [("Anthropic-Beta", "x")], json.dumps(chat()).encode())
    assert outcome == Bypass(BypassReason.UNKEYED_HEADER, "anthropic-beta")


def test_must_not_store_a_body_that_names_a_field_twice_or_is_beyond_the_cap():
    rules = route_rules(INFERENCE_PRESETS["openai_chat"].inference)
    twice = build_preimage("/c", rules, [], b'{"temperature":1,"temperature":0}')
    assert twice == Bypass(BypassReason.DUPLICATE_KEY)
    large = json.dumps(chat(messages=[{"content": "x" * rules.max_body_bytes}])).encode()
    assert build_preimage("/c", rules, [], large) == Bypass(BypassReason.TOO_LARGE)


def test_must_not_store_without_a_tenant():
    with pytest.raises(KeyMaterialError, match="no name"):
        derive_api_key(b"m" * 32, "")


@pytest.mark.parametrize("number", ["9007199254740992", "9007199254740993"])
def test_seeds_that_parsers_merge_are_a_bypass(number):
    rules = route_rules(INFERENCE_PRESETS["openai_chat"].inference)
    body = f'{{"messages":[],"seed":{number}}}'.encode()
    assert build_preimage("/c", rules, [], body) == Bypass(BypassReason.INTEGER_RANGE)


MUST_EQUAL = {
    "property order": '{"temperature":0,"messages":[{"content":"hi","role":"user"}],"model":"m"}',
    "0.0": '{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":0.0}',
    "-0": '{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":-0}',
    "escapes": '{"model":"m","messages":[{"role":"user","content":"\\u0068i"}],"temperature":0}',
    "whitespace": '{ "model":"m",\n"messages":[{"role":"user","content":"hi"}],\t"temperature":0 }',
    "user": '{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":0,"user":"alice"}',
    "metadata": '{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":0,"metadata":{"trace":"1"}}',
    "metadata with a URL": '{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":0,'
    '"metadata":{"from":"https://a"}}',
    "prompt_cache_key": '{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":0,'
    '"prompt_cache_key":"k"}',
}


@pytest.mark.parametrize("text", MUST_EQUAL.values(), ids=MUST_EQUAL)
def test_must_equal(text):
    assert key_of(None, text=text) == key_of(chat())


def test_must_equal_whatever_the_callers_own_credential():
    """Rotating a credential, or moving to another organization of the same account, keeps the cache."""
    others = [
        ("Authorization", "Bearer new"),
        ("X-Request-Id", "1"),
        ("OpenAI-Organization", "o"),
        ("X-Stainless", "p"),
    ]
    assert key_of(chat(), headers=others) == key_of(chat())


def test_tensors_of_integers_and_of_floats_differ():
    for preset in ("sagemaker", "vertex_predict"):
        rules = route_rules(INFERENCE_PRESETS[preset].inference)
        one, other = (build_preimage("/p", rules, [], body) for body in (b'{"instances":[1]}', b'{"instances":[1.0]}'))
        assert not isinstance(one, Bypass)
        assert one != other
