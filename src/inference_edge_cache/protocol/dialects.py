"""Which requests may have their answer stored, by the API that they are written for.

A key says that two requests are the same; it does not say that their answers are. An answer is stored only when the
request alone decides it: no sampling, unless the policy allows it, and nothing that it reads from, or leaves with, the
provider. What is not known to be safe is a bypass: an unknown tool, an unknown dialect, a field of the wrong type.

::

    openai-chat             temperature 0 or seed; n, best_of     platform.openai.com/docs/api-reference/chat/create
    openai-completions      the same                              platform.openai.com/docs/api-reference/completions/create
    openai-responses        temperature 0; store is false         platform.openai.com/docs/api-reference/responses/create
    bedrock-converse        inferenceConfig.temperature 0         docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
    vertex-predict          parameters, or every instance         cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/predict
    tgi                     parameters.do_sample false, or seed   huggingface.github.io/text-generation-inference
    sagemaker               by the body: chat, or parameters      docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
    openai-embeddings, rerank, moderation, classification         nothing is sampled
"""  # noqa: E501

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from inference_edge_cache.protocol.outcomes import Bypass, BypassReason
from inference_edge_cache.protocol.rules import Determinism

Fields = Mapping[str, Any]
_Check = Callable[[Fields], Bypass | None]


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What the protocol knows of one API.

    :param sampled: why the answer is left to chance.
    :param tied: why the answer depends on, or changes, something that is not in the request.
    :param output_affecting_headers: headers that may change the answer; a request with one that is not keyed is a
        bypass.
    :param keep_number_types: ``1`` and ``1.0`` are different to the servers behind it.
    :param require_object: a body is always a JSON object.
    """

    sampled: _Check
    tied: _Check
    output_affecting_headers: tuple[str, ...] = ()
    keep_number_types: bool = False
    require_object: bool = True


def request_storable(
    dialect: str, document: Any, determinism: Determinism, *, remote_urls: bool = False
) -> Bypass | None:
    """Why the answer to a request may not be stored; ``None`` when it may. Never raises, whatever the document.

    ``document`` is the keyed body, parsed: what the model is sent, without the ignored fields. With ``remote_urls``
    content that the request only points to does not count against it. Whether it is a stream does not matter here:
    ``stream`` is in the key, so that an answer and its stream are two answers.
    """
    known = DIALECTS.get(dialect)
    if known is None:
        return Bypass(BypassReason.UNKNOWN_DIALECT)
    if known.require_object and not isinstance(document, dict):
        return Bypass(BypassReason.NOT_AN_OBJECT)
    fields = document if isinstance(document, dict) else {}
    bypass = known.tied(fields) or (None if remote_urls else _remote(document))
    if bypass is not None or determinism in ("sampling_allowed", "deterministic_endpoint"):
        return bypass
    return known.sampled(fields)


# --- What the request points to ---------------------------------------------------------------------------------------

# An answer about an image is an answer about the bytes that the URL had then. Any scheme counts: objects under s3://
# and gs:// can be overwritten, and vLLM reads file:// (docs.vllm.ai/en/latest/features/multimodal_inputs.html). data:
# holds the content itself, and has no authority.
_URL = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://")
# huggingface.co/docs/text-generation-inference/basic_tutorials/visual_language_models: an image is ![](URL) in inputs.
_MARKDOWN_IMAGE = re.compile(r"!\[\]\(\s*[A-Za-z][A-Za-z0-9+.-]*://")

# Where a URL is text to the model. Everywhere else a value that starts as a URL may be fetched: a list of the fields
# that are fetched would miss the next one.
_TEXT_FIELDS = frozenset(
    {"content", "input", "instructions", "prompt", "stop", "stopSequences", "system", "text"}
    | {"arguments", "output", "description", "title"}
    | {"$schema", "$id", "$ref", "$comment", "const", "default", "enum", "example", "examples", "pattern"}
)
# What a function was called with, what it answered and what a text was quoted from: read by the model, never fetched.
_DATA_FIELDS = frozenset({"toolUse", "json", "annotations", "citations"})
_FILE_FIELDS = frozenset({"file_id", "fileId"})
_NAMED_FIELDS = _FILE_FIELDS | {"image_url", "video_url", "audio_url", "file_url", "url", "uri", "image", "inputs"}
_NAMED_FIELDS |= {"gcsUri", "fileUri"}


def _remote(document: Any) -> Bypass | None:
    """The order of members says nothing, so that which field is named does not depend on it."""
    found: set[str] = set()
    rest: list[tuple[str, Any]] = [("", document)]
    while rest:
        name, value = rest.pop()
        if isinstance(value, dict):
            rest.extend(member for member in value.items() if member[0] not in _DATA_FIELDS)
        elif isinstance(value, list):
            rest.extend((name, item) for item in value)
        elif isinstance(value, str) and _points_elsewhere(name, value):
            found.add(name if name in _NAMED_FIELDS else "")
    return Bypass(BypassReason.REMOTE_CONTENT, max(found)) if found else None


def _points_elsewhere(name: str, value: str) -> bool:
    if name in _TEXT_FIELDS:
        return False
    return name in _FILE_FIELDS or _URL.match(value) is not None or (name == "inputs" and _has_image(value))


def _has_image(text: str) -> bool:
    return _MARKDOWN_IMAGE.search(text) is not None


# --- What is left to chance -------------------------------------------------------------------------------------------

_LLAMA_CPP_RANDOM_SEED = 2**32 - 1  # its -1, as it stands in 32 bits: LLAMA_DEFAULT_SEED in llama.h


def _is_zero(value: Any) -> bool:
    """An explicit 0. A missing temperature is not 0: most APIs take 1 (Continuum-AI-Corp/OrcaRouter-Lite#84)."""
    return _is_number(value) and value == 0


def _is_seed(value: Any) -> bool:
    """An integer that pins the sampling. -1 asks vLLM (SamplingParams.seed) and llama.cpp for a random one."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0 and value != _LLAMA_CPP_RANDOM_SEED


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_unset(value: Any, default: int) -> bool:
    return value is None or (_is_number(value) and value == default)


def _several(options: Fields, names: Iterable[str]) -> str | None:
    """The field by which the request asks for more than one sample: it wants them to differ."""
    return next((name for name in names if not _is_unset(options.get(name), 1)), None)


def _by_chance(field: str) -> Bypass:
    return Bypass(BypassReason.NOT_DETERMINISTIC, field)


def _nothing(_: Fields) -> None:
    return None


def _sampled_openai(options: Fields) -> Bypass | None:
    """ "If specified, our system will make a best effort to sample deterministically": seed, and so all n choices."""
    if _is_seed(options.get("seed")):
        return None
    several = _several(options, ("n", "best_of"))
    if several is not None:
        return _by_chance(several)
    return None if _is_zero(options.get("temperature")) else _by_chance("temperature")


def _sampled_responses(options: Fields) -> Bypass | None:
    """The Responses API has no seed."""
    return None if _is_zero(options.get("temperature")) else _by_chance("temperature")


def _sampled_converse(fields: Fields) -> Bypass | None:
    """Temperature in ``inferenceConfig``; model-specific fields, a seed among them, may contradict or pin it."""
    more = _object(fields.get("additionalModelRequestFields"))
    if _is_seed(more.get("seed")):
        return None
    if not (more.get("temperature") is None or _is_zero(more["temperature"])):
        return _by_chance("temperature")
    return None if _is_zero(_object(fields.get("inferenceConfig")).get("temperature")) else _by_chance("temperature")


def _sampled_tgi(fields: Fields) -> Bypass | None:
    """Greedy needs ``do_sample`` false and no sampling parameter, each of which turns sampling on by itself.

    A seed does not help ``best_of``: "`seed` must not be set when `best_of` > 1" (TGI's own validation).
    """
    options = _object(fields.get("parameters"))
    several = _several(options, ("best_of", "n", "num_return_sequences"))
    if several is not None:
        return _by_chance(several)
    if _is_seed(options.get("seed")) or _is_zero(options.get("temperature")):
        return None
    if options.get("do_sample") is not False:
        return _by_chance("do_sample")
    neutral = {"temperature": 1, "top_p": 1, "typical_p": 1, "top_k": 0}
    chance = next((name for name, default in neutral.items() if not _is_unset(options.get(name), default)), None)
    return None if chance is None else _by_chance(chance)


def _sampled_predict(fields: Fields) -> Bypass | None:
    """``parameters`` govern the prediction; the vLLM containers of Model Garden read each instance instead.

    So one place must rule sampling out, and no other may ask for it.
    """
    instances = fields.get("instances")
    instances = instances if isinstance(instances, list) else []
    general = _rules_out_sampling(fields.get("parameters"))
    each = [_rules_out_sampling(instance) for instance in instances]
    if general is False or False in each or not (general or (each and all(each))):
        return _by_chance("temperature")
    return None


def _rules_out_sampling(options: Any) -> bool | None:
    """Whether ``options`` rule sampling out; ``None`` when they do not speak of it."""
    options = _object(options)
    if _is_seed(options.get("seed")):
        return True
    if _several(options, ("candidateCount", "sampleCount", "n", "best_of")) is not None:
        return False
    temperature = options.get("temperature")
    return None if temperature is None else _is_zero(temperature)


def _sampled_sagemaker(fields: Fields) -> Bypass | None:
    """The container decides what a body means: chat and prompts as OpenAI's API, ``parameters`` as TGI's.

    A body with both is read in two ways. One with neither, such as a tensor, cannot say that nothing is sampled: that
    is for the policy to say.
    """
    if _is_chat(fields):
        return _by_chance("parameters") if "parameters" in fields else _sampled_openai(fields)
    return _sampled_tgi(fields)


# --- What the request is tied to --------------------------------------------------------------------------------------

# The caller runs these; the answer only asks for them. Any other tool is run by the provider, and sees the world as it
# is then: the web, files, a machine, an MCP server (platform.openai.com/docs/guides/tools).
_CLIENT_TOOLS = frozenset({"function", "custom", "local_shell", "apply_patch"})
_SERVER_TOOLS = ("web_search", "file_search", "code_interpreter", "computer", "mcp", "image_generation", "shell")

# Fields by which an OpenAI-compatible chat API looks something up on its own.
_SEARCHING_FIELDS = (
    "web_search_options",  # platform.openai.com/docs/guides/tools-web-search
    "data_sources",  # learn.microsoft.com/azure/ai-services/openai/references/on-your-data
    "search_parameters",  # docs.x.ai/docs/guides/live-search
    "plugins",  # openrouter.ai/docs/features/web-search
    "enable_search",  # help.aliyun.com/zh/model-studio/web-search
)


def _tied_chat(fields: Fields) -> Bypass | None:
    """``store`` leaves the answer with the provider; an earlier answer's audio is only there."""
    if _is_on(fields.get("store")):
        return Bypass(BypassReason.SERVER_STATE, "store")
    for name in _SEARCHING_FIELDS:
        if _is_on(fields.get(name)):
            return Bypass(BypassReason.SERVER_TOOL, name)
    if any(_object(message).get("audio") is not None for message in _list(fields.get("messages"))):
        return Bypass(BypassReason.SERVER_STATE, "audio")
    return _server_tool(fields.get("tools"))


def _tied_responses(fields: Fields) -> Bypass | None:
    """State comes in by an id, and goes out unless ``store`` is false: the API stores a response by default.

    A stored prompt is what its name stands for today, unless a version says which.
    """
    for name in ("previous_response_id", "conversation", "background"):
        if _is_on(fields.get(name)):
            return Bypass(BypassReason.SERVER_STATE, name)
    if fields.get("store") is not False:
        return Bypass(BypassReason.SERVER_STATE, "store")
    if fields.get("prompt") is not None and not _is_name(_object(fields["prompt"]).get("version")):
        return Bypass(BypassReason.STORED_PROMPT, "prompt")
    for item in map(_object, _list(fields.get("input"))):
        # The type of an item reference may be left out: what is left is an id.
        if item.get("type") == "item_reference" or (item.get("type") is None and "id" in item and "role" not in item):
            return Bypass(BypassReason.SERVER_STATE, "item_reference")
        if "tools" in item:  # what a tool search or an MCP server has loaded
            return Bypass(BypassReason.SERVER_TOOL, "tools")
    return _server_tool(fields.get("tools"))


def _server_tool(tools: Any) -> Bypass | None:
    if tools is None:
        return None
    for tool in tools if isinstance(tools, list) else [tools]:
        kind = _object(tool).get("type")
        if not (isinstance(kind, str) and kind in _CLIENT_TOOLS):
            known = (name for name in _SERVER_TOOLS if isinstance(kind, str) and kind.startswith(name))
            return Bypass(BypassReason.SERVER_TOOL, next(known, "tools"))
    return None


def _tied_converse(fields: Fields) -> Bypass | None:
    """A prompt of Prompt management is named by the path, its variables by the body; a guardrail's DRAFT changes."""
    if fields.get("promptVariables") is not None:
        return Bypass(BypassReason.STORED_PROMPT, "promptVariables")
    guardrail = fields.get("guardrailConfig")
    if guardrail is not None and _object(guardrail).get("guardrailVersion") in (None, "", "DRAFT"):
        return Bypass(BypassReason.SERVER_STATE, "guardrailVersion")
    more = _object(fields.get("additionalModelRequestFields"))
    if any(_is_on(more.get(name)) for name in ("tools", "mcp_servers")):
        return Bypass(BypassReason.SERVER_TOOL, "additionalModelRequestFields")
    for tool in _list(_object(fields.get("toolConfig")).get("tools")):
        # docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Tool.html: a systemTool is run by Bedrock.
        if not _object(tool).keys() & {"toolSpec", "cachePoint"} or "systemTool" in tool:
            return Bypass(BypassReason.SERVER_TOOL, "toolConfig")
    return None


def _tied_sagemaker(fields: Fields) -> Bypass | None:
    """In a table of features ``store`` can be a shop: only what looks like chat is read as chat."""
    return _tied_chat(fields) if _is_chat(fields) else None


def _is_chat(fields: Fields) -> bool:
    return "messages" in fields or "prompt" in fields


def _is_on(value: Any) -> bool:
    """Whether a field asks for what it is named after. An empty object does: ``"web_search_options": {}``."""
    return value is not None and value is not False


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# --- The dialects -----------------------------------------------------------------------------------------------------

# openai-beta picks the version of an API (platform.openai.com/docs/api-reference); gateways that speak OpenAI's dialect
# in front of Anthropic's models pass anthropic-beta and anthropic-version on. Organization and project say who pays,
# and the endpoint is called with a credential of its own.
_OPENAI_HEADERS = ("openai-beta", "anthropic-beta", "anthropic-version")

# API_runtime_InvokeEndpoint: which model, variant or container answers, whether it explains, whose session it is, and
# what the container makes of the custom attributes.
_SAGEMAKER_HEADERS = (
    "x-amzn-sagemaker-custom-attributes",
    "x-amzn-sagemaker-enable-explanations",
    "x-amzn-sagemaker-inference-component",
    "x-amzn-sagemaker-session-id",
    "x-amzn-sagemaker-target-container-hostname",
    "x-amzn-sagemaker-target-model",
    "x-amzn-sagemaker-target-variant",
)

# API_runtime_InvokeModel takes a guardrail as headers, Converse in the body: who sends one here expects it to hold.
_BEDROCK_HEADERS = (
    "x-amzn-bedrock-guardrailidentifier",
    "x-amzn-bedrock-guardrailversion",
    "x-amzn-bedrock-trace",
)

# cloud.google.com/apis/docs/system-parameters: a field mask cuts fields out of the answer.
_VERTEX_HEADERS = ("x-goog-fieldmask",)

# huggingface.co/docs/inference-endpoints: "x-use-cache: false" asks for an answer that nobody has had before.
_TGI_HEADERS = ("x-use-cache",)

_SCORING = Dialect(sampled=_nothing, tied=_nothing, output_affecting_headers=_OPENAI_HEADERS)

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "openai-chat": Dialect(sampled=_sampled_openai, tied=_tied_chat, output_affecting_headers=_OPENAI_HEADERS),
        "openai-responses": Dialect(
            sampled=_sampled_responses, tied=_tied_responses, output_affecting_headers=_OPENAI_HEADERS
        ),
        "openai-completions": Dialect(
            sampled=_sampled_openai, tied=_tied_chat, output_affecting_headers=_OPENAI_HEADERS
        ),
        "openai-embeddings": _SCORING,
        "rerank": _SCORING,
        "moderation": _SCORING,
        "classification": _SCORING,
        # Tensor servers infer an input's type from how its numbers are written; a list of rows is a body, too.
        "sagemaker": Dialect(
            sampled=_sampled_sagemaker,
            tied=_tied_sagemaker,
            output_affecting_headers=_SAGEMAKER_HEADERS,
            keep_number_types=True,
            require_object=False,
        ),
        "bedrock-converse": Dialect(
            sampled=_sampled_converse, tied=_tied_converse, output_affecting_headers=_BEDROCK_HEADERS
        ),
        "vertex-predict": Dialect(
            sampled=_sampled_predict,
            tied=_nothing,
            output_affecting_headers=_VERTEX_HEADERS,
            keep_number_types=True,
        ),
        "tgi": Dialect(sampled=_sampled_tgi, tied=_nothing, output_affecting_headers=_TGI_HEADERS),
    }
)
"""Every dialect by its name. A route whose dialect is not here stores nothing."""
