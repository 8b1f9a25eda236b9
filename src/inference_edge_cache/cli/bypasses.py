"""Why a request is not kept, in words."""

from inference_edge_cache.protocol import Bypass, BypassReason

_WORDS = {
    BypassReason.TOO_LARGE: "the body is larger than the policy's max_body_bytes",
    BypassReason.BYTE_ORDER_MARK: "the body begins with a byte order mark, which some parsers skip and some refuse",
    BypassReason.NOT_UTF8: "the body is not UTF-8",
    BypassReason.NOT_JSON: "the body is not JSON",
    BypassReason.TRAILING_DATA: "something follows the JSON",
    BypassReason.NOT_AN_OBJECT: "the body is JSON, but not an object",
    BypassReason.TOO_DEEP: "the body is nested too deep",
    BypassReason.DUPLICATE_KEY: "an object names a field twice, and parsers disagree which one counts",
    BypassReason.INTEGER_RANGE: "an integer is beyond 2^53, where parsers round it to a neighbour",
    BypassReason.NUMBER_RANGE: "a number is too large or too small for a double",
    BypassReason.NOT_A_NUMBER: "NaN and Infinity are not JSON",
    BypassReason.LONE_SURROGATE: "a text has half of a surrogate pair, which has no UTF-8",
    BypassReason.QUERY_STRING: "the request has a query string, which is not part of a key",
    BypassReason.UNKEYED_HEADER: "this header may change the answer and is not one of the policy's key_headers",
    BypassReason.REPEATED_HEADER: "this header stands there twice, and servers disagree which one counts",
    BypassReason.HEADER_VALUE: "the value of this header has characters beyond printable ASCII",
    BypassReason.CONTENT_TYPE: "the Content-Type is not application/json, and servers read other types otherwise; "
    "application/vnd.example+json needs content-type among the policy's key_headers",
    BypassReason.CONTENT_ENCODING: "the body is compressed, and a key is made from the JSON itself",
    BypassReason.ACCEPT: "the Accept header admits neither application/json nor text/event-stream, and nothing else is "
    "kept",
    BypassReason.UNKNOWN_DIALECT: "the dialect is not known here",
    BypassReason.NOT_DETERMINISTIC: "the answer is left to chance",
    BypassReason.SERVER_STATE: "the answer depends on, or is kept as, something that only the provider has",
    BypassReason.SERVER_TOOL: "the provider runs this tool while it answers, and what the tool finds changes",
    BypassReason.STORED_PROMPT: "the prompt is stored with the provider, and no version says which one",
    BypassReason.REMOTE_CONTENT: "the request points to content that can change; the policy's remote_urls allows it",
}

# More to say where a field is what decides.
_WORDS_OF_FIELDS = {
    "temperature": "the request states neither temperature 0 nor a seed, and a missing temperature is not 0",
    "do_sample": "the request states neither do_sample false nor a seed; an endpoint that samples nothing is named so "
    "by the policy's determinism",
    "n": "more than one sample is asked for, without a seed",
    "best_of": "the best of several samples is asked for",
    "parameters": "the request is both a chat and a text generation: endpoints disagree which of its fields count",
    "store": "the provider keeps the answer, unless the request says store: false",
}


def bypass_in_words(bypass: Bypass) -> str:
    """Why, as a sentence without an end."""
    return _WORDS_OF_FIELDS.get(bypass.detail, _WORDS[bypass.reason])
