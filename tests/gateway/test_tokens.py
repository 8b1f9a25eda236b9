"""How many tokens an answer says that it cost."""

import json

import pytest
from gateway_kit import chat_answer, chat_stream

from inference_edge_cache.gateway.tokens import Tokens, tokens_in

CHAT_USAGE = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}


def event(**fields) -> bytes:
    return f"data: {json.dumps(fields)}\n\n".encode()


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (chat_answer(usage=CHAT_USAGE), Tokens(9, 12, 21)),
        (json.dumps({"usage": CHAT_USAGE, "data": [0.5]}, indent=2).encode(), Tokens(9, 12, 21)),
        (json.dumps({"data": [], "usage": {"prompt_tokens": 8, "total_tokens": 8}}).encode(), Tokens(8, None, 8)),
        (json.dumps({"data": [], "usage": {"total_tokens": 8}}).encode(), Tokens(None, None, 8)),
        (b'{"usage":{"input_tokens":3,"output_tokens":4}}', Tokens(3, 4, 7)),
        (b'{"usage":{"inputTokens":3,"outputTokens":4,"totalTokens":9}}', Tokens(3, 4, 9)),
        (
            b'{"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4,"totalTokenCount":9}}',
            Tokens(3, 4, 9),
        ),
        (
            event(choices=[], usage=None) + event(choices=[], usage=CHAT_USAGE) + b"data: [DONE]\n\n",
            Tokens(9, 12, 21),
        ),
        (
            event(choices=[], usage=CHAT_USAGE) + event(choices=[], usage=None) + b"data: [DONE]\n\n",
            Tokens(9, 12, 21),
        ),
        (event(response={"usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}), Tokens(3, 4, 7)),
    ],
)
def test_tokens_are_read_where_each_api_says_them(body, tokens):
    assert tokens_in(body) == tokens


@pytest.mark.parametrize(
    "body",
    [
        b"",
        chat_answer(),
        b"".join(chat_stream("a")),
        b'{"usage": null}',
        b'{"usage": 4, "usage_of": {"total_tokens": 3}}',
        b'{"usage": {}}',
        b'{"usage": {"prompt_tokens": "9", "completion_tokens": true, "total_tokens": 1.5}}',
        b'{"usage": {"total_tokens": -1}}',
        b'{"usage": {"total_tokens": 1e3}}',
        b'{"usage": {"total_tokens": ' + b"9" * 30 + b"}}",
        b'{"usage": {"total_tokens": ' + b"9" * 5000 + b"}}",
        b'{"usage": {"total_tokens": 3',
        b'{"usage": {"a":' + b'{"a":' * 5000,
        b'{"usage": {"total_tokens\xff": 3}}',
        b'"usage": null,' * 2000 + b"{}",
    ],
)
def test_what_is_not_said_is_not_known(body):
    assert tokens_in(body) == Tokens()


def test_a_text_of_the_model_is_no_usage():
    mocking = json.dumps({"usage": {"total_tokens": 666}})
    assert tokens_in(chat_answer(mocking)) == Tokens()
    assert tokens_in(chat_answer(mocking, usage=CHAT_USAGE)) == Tokens(9, 12, 21)
    assert tokens_in(json.dumps({"usage": CHAT_USAGE, "text": mocking}).encode()) == Tokens(9, 12, 21)
