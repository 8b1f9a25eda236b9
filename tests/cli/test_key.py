"""``key``: the path of an answer, or why there is none."""

import json
import re

import pytest

from inference_edge_cache.cli.bypasses import bypass_in_words
from inference_edge_cache.inference_rules import route_rules
from inference_edge_cache.policy import INFERENCE_PRESETS
from inference_edge_cache.protocol import (
    PUBLIC_API_KEY,
    Bypass,
    BypassReason,
    build_preimage,
    derive_api_key,
    inference_path,
    parse_path,
    request_key,
)

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0}
GENERATION = "Gen_0123-abc"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("chat.json", BODY)
    return tmp_path


def write(name: str, document: object) -> None:
    with open(name, "w") as file:
        file.write(document if isinstance(document, str) else json.dumps(document))


def expected(key, route="/v1/chat/completions", headers=(), preset="openai_chat", body=BODY) -> str:
    preimage = build_preimage(
        route, route_rules(INFERENCE_PRESETS[preset].inference), headers, json.dumps(body).encode()
    )
    assert not isinstance(preimage, Bypass)
    return inference_path(route, GENERATION, key.scope, request_key(key.key, preimage))


def test_the_path_comes_first_and_then_what_it_is_made_of(run):
    ran = run("key", "chat.json", "--generation", GENERATION)
    assert ran.code == 0
    path, *rest = ran.out.splitlines()
    assert path == expected(PUBLIC_API_KEY)
    assert re.fullmatch("  payload     fits: [0-9]{3} of 6,144 characters", rest[0])  # compressors differ
    assert rest[1:] == [
        "  scope       public: whoever can guess the request can read its answer",
        "  generation  as given",
        "  ignored     nothing that this request has",
    ]


def test_public_may_be_typed_out(run):
    assert run("key", "chat.json", "--public").out == run("key", "chat.json").out


def test_for_one_caller_on_one_route_with_one_header(run):
    key = derive_api_key(b"m" * 32, "acme")
    write("caller.key", key.text + "\n")
    options = ("--route", "/chat", "--header", "OpenAI-Beta=v2", "--api-key-file", "caller.key")
    ran = run("key", "chat.json", *options, "--generation", GENERATION)
    assert ran.out.splitlines()[0] == expected(key, "/chat", [("openai-beta", "v2")])
    assert "the API key's" in ran.out
    assert key.text not in ran.out


def test_ignored_fields_are_named_and_do_not_change_the_path(run):
    write("user.json", {**BODY, "user": "alice", "metadata": {"trace": "1"}})
    plain, named = run("key", "chat.json").out.splitlines(), run("key", "user.json").out.splitlines()
    assert plain[0] == named[0]
    assert named[-1] == "  ignored     metadata, user"


def test_without_a_generation_the_path_is_an_example(run):
    ran = run("key", "chat.json")
    assert parse_path(ran.out.splitlines()[0]) is not None
    assert "an example: each deployment has its own, see --generation" in ran.out


def test_a_request_too_large_for_a_header_sends_its_path_alone(run):
    noise = "".join(f"{number * number * 7919:x} " for number in range(5000))
    write("large.json", {**BODY, "messages": [{"content": noise}]})
    assert "does not fit: the path goes alone" in run("key", "large.json").out


def test_every_preset_has_a_route_of_its_own(run):
    write("embed.json", {"model": "e", "input": "hi"})
    ran = run("key", "embed.json", "--preset", "embeddings", "--generation", GENERATION)
    body = {"model": "e", "input": "hi"}
    assert ran.out.splitlines()[0] == expected(PUBLIC_API_KEY, "/v1/embeddings", preset="embeddings", body=body)


BYPASSES = [
    ({"messages": []}, (), "not-deterministic: temperature", "a missing temperature is not 0"),
    ({**BODY, "store": True}, (), "server-state: store", "unless the request says store: false"),
    ({**BODY, "tools": [{"type": "web_search"}]}, (), "server-tool: web_search", "runs this tool while it answers"),
    ('{"temperature":0,"temperature":1}', (), "duplicate-key", "names a field twice"),
    ("[1]", (), "not-an-object", "not an object"),
    ("nonsense", (), "not-json", "is not JSON"),
    ("", (), "not-json", "is not JSON"),
    (BODY, ("--header", "accept=text/csv"), "accept", "admits neither application/json nor text/event-stream"),
    (BODY, ("--header", "content-type=text/csv"), "content-type", "The Content-Type is not application/json"),
    (BODY, ("--header", "content-encoding=gzip"), "content-encoding", "The body is compressed"),
    (BODY, ("--header", "anthropic-beta=x"), "unkeyed-header: anthropic-beta", "may change the answer"),
    ([[1.0]], ("--preset", "sagemaker"), "not-deterministic: do_sample", "is named so by the policy's determinism"),
]


@pytest.mark.parametrize(("document", "options", "reason", "words"), BYPASSES)
def test_a_bypass_says_why(run, document, options, reason, words):
    write("request.json", document)
    ran = run("key", "request.json", *options)
    assert ran.code == 2
    first, *rest = ran.out.splitlines()
    assert first == f"request.json: bypass, {reason}"
    assert words in " ".join(" ".join(rest).split())


def test_rows_of_an_endpoint_have_no_fields_to_ignore(run, monkeypatch):
    sagemaker = INFERENCE_PRESETS["sagemaker"]
    policy = sagemaker.inference.model_copy(update={"determinism": "deterministic_endpoint"})
    monkeypatch.setattr("inference_edge_cache.cli.key.chosen_inference", lambda name: with_policy(sagemaker, policy))
    write("rows.json", [[1.0, 2.0]])
    assert run("key", "rows.json").code == 0


def with_policy(preset, policy):
    from dataclasses import replace

    return replace(preset, inference=policy)


WRONG = [
    (("nowhere.json",), "error: nowhere.json: No such file or directory"),
    ((".",), "error: .: Is a directory"),
    (("chat.json", "--preset", "chat"), "error: --preset chat: there is no such preset; choose one of openai_chat, "),
    (("chat.json", "--header", "s3cr3t"), "error: --header: write NAME=VALUE, as in openai-beta=..."),
    (("chat.json", "--route", "v1"), "error: 'v1' is not a route that can be cached"),
    (("chat.json", "--generation", "2"), "error: generation must be 12 characters of base64url"),
    (("chat.json", "--api-key-file", "chat.json"), "error: chat.json: holds no API key; make one with: "),
    (("chat.json", "--api-key-file", "none"), "error: none: No such file or directory"),
    (("chat.json", "--api-key-file", "k", "--public"), "error: --public and --api-key-file both name a caller"),
    ((), "issing argument 'FILE'"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_wrong_input_is_one_clear_line(run, options, message):
    ran = run("key", *options)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "s3cr3t" not in ran.err


@pytest.mark.parametrize("reason", list(BypassReason))
def test_every_reason_has_words(reason):
    assert bypass_in_words(Bypass(reason)) != ""
