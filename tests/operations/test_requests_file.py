"""A file of requests: two forms, every bad line by its number, and what tells one request from another."""

import json

import pytest

from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.operations import requests_file
from inference_edge_cache.operations.requests_file import BadLine, Line, lines_of
from inference_edge_cache.protocol import PUBLIC_API_KEY, EdgeConfig, RouteConfig, RouteRules, derive_api_key

URL, CHAT, EMBEDDINGS = "https://cache.example.com", "/v1/chat/completions", "/v1/embeddings"
MASTER = b"a master secret that only these tests use"


def config(generation: str = "Generation01", route: str = EMBEDDINGS) -> EdgeConfig:
    rules = {
        route: RouteRules(dialect="openai-embeddings", ignored_fields=("user",), determinism="deterministic_endpoint"),
        CHAT: RouteRules(
            dialect="openai-chat", key_headers=("openai-beta",), output_affecting_headers=("openai-beta",)
        ),
    }
    routes = tuple(RouteConfig(path=path, generation=generation, rules=rule) for path, rule in rules.items())
    return EdgeConfig(routes=routes)


CONFIG = config()


@pytest.fixture
def read(tmp_path):
    """What is in a file of these lines."""

    def read(*lines, url=URL, config=CONFIG, key=PUBLIC_API_KEY):
        file = tmp_path / "requests.jsonl"
        file.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
        return list(lines_of(file, url, config, key))

    return read


def embedding(text="hello", **more):
    return {"route": EMBEDDINGS, "body": {"model": "m", "input": text, **more}}


BATCH = {"custom_id": "1", "method": "POST", "url": EMBEDDINGS, "body": {"model": "m", "input": "hello"}}


def test_both_forms_are_the_same_request(read):
    ours, theirs = read(embedding(), BATCH)
    assert (ours.route, ours.body, ours.headers) == (
        EMBEDDINGS,
        b'{"model":"m","input":"hello"}',
        (("content-type", "application/json"),),
    )
    assert ours.digest == theirs.digest
    assert (ours.number, theirs.number) == (1, 2)


def test_empty_lines_count_as_lines_and_are_no_requests(read):
    assert [line.number for line in read(b"", embedding(), b"  \r", embedding(), b"")] == [2, 4]


def test_a_digest_is_of_what_the_key_is_of(read):
    same = read(embedding(), {"body": {"input": "hello", "user": "u1", "model": "m"}, "route": EMBEDDINGS})
    assert len({line.digest for line in same}) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"url": "https://other.example.com"},
        {"config": config("Generation02")},
        {"key": derive_api_key(MASTER, "alice")},
        {"config": config(route="/v2/embeddings"), "route": "/v2/embeddings"},
        {"text": "hello "},
    ],
    ids=["cache", "generation", "scope", "route", "body"],
)
def test_a_digest_is_of_one_answer(read, other):
    """What is done at one cache, of one generation, for one tenant, is not done anywhere else."""
    request = {**embedding(other.pop("text", "hello")), "route": other.pop("route", EMBEDDINGS)}
    assert read(embedding())[0].digest != read(request, **other)[0].digest


def test_headers_belong_to_the_request(read):
    body = {"model": "m", "messages": [], "temperature": 0}
    plain, one, other = read(
        *({"route": CHAT, "body": body, "headers": it} for it in ({}, {"OpenAI-Beta": "a"}, {"openai-beta": "b"}))
    )
    assert one.headers == (("content-type", "application/json"), ("openai-beta", "a"))
    assert len({plain.digest, one.digest, other.digest}) == 3


def test_a_request_whose_answer_cannot_be_kept_says_why(read):
    (line,) = read({"route": CHAT, "body": {"model": "m", "messages": []}})
    assert (line.refused, line.digest) == ("not-deterministic: temperature", "")


def test_a_route_without_room_for_a_key(read):
    long = "/" + "r" * 1000
    (line,) = read({**embedding(), "route": long}, config=config(route=long))
    assert (line.refused, line.digest) == ("path-length", "")


def test_numbers_stay_what_they_are(read):
    (line,) = read(b'{"route": "/v1/embeddings", "body": {"model": "m", "input": [1, 1.0, 1e22, "\\ud83d\\ude00"]}}')
    assert line.body == b'{"model":"m","input":[1,1.0,1e+22,"\\ud83d\\ude00"]}'


JSON = "not JSON that everybody reads alike"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", f"{JSON} (not-json)"),
        (b"{} {}", f"{JSON} (trailing-data)"),
        (b"\xff", f"{JSON} (not-utf8)"),
        (b"\xef\xbb\xbf{}", f"{JSON} (byte-order-mark)"),
        (b"[" * 300, f"{JSON} (too-deep)"),
        (b'{"route": "/a", "route": "/v1/embeddings"}', f"{JSON} (duplicate-key)"),
        (b'{"body": {"seed": 9007199254740993}}', f"{JSON} (integer-range)"),
        ([], "not a JSON object"),
        ({}, "body, route missing"),
        ({"url": EMBEDDINGS, "body": {}}, "custom_id, method missing"),
        ({**embedding(), "model": "m"}, "1 unknown field"),
        ({**embedding(), "a": 1, "b": 2}, "2 unknown fields"),
        ({**BATCH, "method": "GET"}, "method is not POST"),
        ({**embedding(), "route": 1}, "route or url is not a text"),
        ({**embedding(), "body": "hello"}, "body is not an object"),
        ({"route": 1, "body": 1, "x": 1}, "1 unknown field; route or url is not a text; body is not an object"),
        ({**embedding(), "route": "/v1/embedding"}, f"no inference route of this cache; it has {EMBEDDINGS}, {CHAT}"),
        ({**embedding(), "headers": []}, "headers is not an object"),
        *(
            (
                {**embedding(), "headers": headers},
                "a header is not a name with one line of printable ASCII, or stands there twice",
            )
            for headers in ({"x y": "1"}, {"x": 1}, {"x": "a\r\nb"}, {"x": "é"}, {"a": "1", "A": "2"})
        ),
        *(
            ({**embedding(), "headers": {name: "secret"}}, "a header that no request in a file can have")
            for name in ("Authorization", "cookie", "Host", "Inference-Cache", "content-length")
        ),
    ],
)
def test_a_line_that_is_no_request(read, line, why):
    assert read(embedding(), line)[1] == BadLine(2, why)


def test_what_is_shown_of_a_line_holds_neither_body_nor_header(read):
    (line,) = read({**embedding("a prompt"), "headers": {"x-trace": "a secret"}})
    assert isinstance(line, Line)
    assert "prompt" not in repr(line)
    assert "secret" not in repr(line)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(EdgeCacheError, match=r"nowhere\.jsonl: No such file or directory"):
        list(lines_of(tmp_path / "nowhere.jsonl", URL, config(), PUBLIC_API_KEY))


def test_a_line_that_would_fill_the_memory(read, monkeypatch):
    monkeypatch.setattr(requests_file, "LONGEST_LINE", 100)
    assert len(read(embedding("x" * 30))) == 1
    with pytest.raises(EdgeCacheError, match="line 1 has more than 100 bytes"):
        read(embedding("x" * 100))
