"""``warm``: requests from a file through the local edge and the real gateway, and what is said of them."""

import json
import signal
import threading
from collections.abc import Iterator

import httpx
import pytest
from client_kit import API_KEY, HIT, MISS, Edge, json_answer, problem
from operations_kit import Model, Says, model_served, serving

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.inference_rules import InferenceRoute
from inference_edge_cache.local import LocalEdge
from inference_edge_cache.policy import INFERENCE_PRESETS, CachePolicy
from inference_edge_cache.protocol import derive_api_key

MASTER = b"a master secret that only these tests use"
KEY = derive_api_key(MASTER, "alice").text
EMBEDDINGS, CHAT = "/v1/embeddings", "/v1/chat/completions"


@pytest.fixture
def model() -> Iterator[Model]:
    with model_served() as model:
        yield model


@pytest.fixture(params=[Cloud.AWS, Cloud.GCP])
def edge(request, model) -> Iterator[LocalEdge]:
    """The edge of a cache with two routes, the gateway behind it."""
    presets = [(EMBEDDINGS, INFERENCE_PRESETS["embeddings"]), (CHAT, INFERENCE_PRESETS["openai_chat"])]
    routes = [InferenceRoute(path=path, policy=each.policy, inference=each.inference) for path, each in presets]
    with LocalEdge(model.url, CachePolicy(), request.param, routes=routes, master_secret=MASTER) as edge:
        yield edge


on_one_cloud = pytest.mark.parametrize("edge", [Cloud.AWS], indirect=True)


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INFERENCE_EDGE_CACHE_API_KEY", KEY)
    return tmp_path


def write(*requests) -> None:
    with open("requests.jsonl", "w") as file:
        file.writelines(json.dumps(request) + "\n" for request in requests)


def embedding(text: str, **more):
    return {"route": EMBEDDINGS, "body": {"model": "m", "input": text, **more}}


def chat(text: str, **more):
    return {"route": CHAT, "body": {"model": "m", "messages": [{"role": "user", "content": text}], **more}}


def said(text: str) -> list[str]:
    """Its lines, however they are set."""
    return [" ".join(line.split()) for line in text.splitlines()]


def warm(run, edge, *args):
    return run("warm", "requests.jsonl", "--url", edge.url, *args)


def test_what_is_warm_is_not_asked_of_the_model(run, edge, model):
    write(embedding("one"), embedding("two"), chat("2+2?", temperature=0))
    first, again = warm(run, edge), warm(run, edge)
    assert (first.code, first.err, again.code) == (0, "", 0)
    assert said(first.out) == ["", "Warmed", "hits 0", "stored 3", "refused 0", "failed 0"]
    assert "hits 3: 3 at the edge" in said(again.out)
    assert len(model.asked) == 3


@on_one_cloud
def test_what_may_not_be_kept_is_told_with_its_reason(run, edge, model):
    model.finish_reason = "length"
    write(chat("a"), embedding("one"), chat("b", temperature=0), chat("c"))
    ran = warm(run, edge)
    assert ran.code == 0
    assert said(ran.out) == [
        "",
        "Warmed",
        "hits 0",
        "stored 1",
        "refused 3",
        "not-deterministic: temperature (lines 1, 4)",
        "truncated: length (line 3)",
        "failed 0",
    ]
    assert len(model.asked) == 2  # what is known not to be kept costs nothing


@on_one_cloud
def test_equal_requests_are_sent_once(run, edge, model):
    write(embedding("one"), embedding("one", user="me"), embedding("one"))
    ran = warm(run, edge)
    assert "repeated 2 sent once, with an equal one" in said(ran.out)
    assert len(model.asked) == 1


@on_one_cloud
def test_what_failed_is_sent_again_and_nothing_else(run, edge, model, folder):
    write(*(embedding(f"text {number}") for number in range(5)))
    model.says = [Says(500, b"{}"), Says(500, b"{}")]
    first = warm(run, edge, "--concurrency", 1)
    assert first.code == 1
    assert "Not all is warmed" in first.out
    assert said(first.out)[5:7] == ["failed 2", "500 from the model (lines 1-2)"]
    assert len((folder / "requests.jsonl.warmed").read_text().splitlines()) == 3
    again = warm(run, edge)
    assert again.code == 0
    assert "stored 2" in said(again.out)
    assert "before 3 done by an earlier run" in said(again.out)
    assert len(model.asked) == 7
    assert not (folder / "requests.jsonl.warmed").exists()  # done: the next run begins anew


def test_ctrl_c_keeps_what_is_done(model, started, folder):
    write(*(embedding(f"text {number}") for number in range(20)))
    held, reached = threading.Event(), threading.Event()
    answer = model.answer

    def until_the_tenth(seen):
        said = answer(seen)
        if len(model.asked) == 10:
            reached.set()
            held.wait(30)
        return said

    model.answer = until_the_tenth
    with serving(lambda seen: model.answer(seen)) as url:
        preset = INFERENCE_PRESETS["embeddings"]
        routes = [InferenceRoute(path=EMBEDDINGS, policy=preset.policy, inference=preset.inference)]
        with LocalEdge(url, CachePolicy(), routes=routes, master_secret=MASTER) as edge:
            command = ("warm", "requests.jsonl", "--url", edge.url, "--concurrency", "1")
            with started(*command) as running:
                assert reached.wait(30)
                running.process.send_signal(signal.SIGINT)
                out, err = running.process.communicate(timeout=30)
            held.set()
            assert (running.process.returncode, err) == (130, "")
            assert "stored 9" in said(out)
            assert "not sent 11" in said(out)
            assert len((folder / "requests.jsonl.warmed").read_text().splitlines()) == 9
            with started(*command) as running:
                out, err = running.process.communicate(timeout=60)
            assert (running.process.returncode, err) == (0, "")
            assert "before 9 done by an earlier run" in said(out)


def test_a_stream_that_is_relayed_is_looked_for_by_the_next_run(run, monkeypatch):
    """The gateway stores it when it is complete, and has nobody left to say so to."""
    edge = Edge()
    monkeypatch.setenv("INFERENCE_EDGE_CACHE_API_KEY", API_KEY.text)
    relayed = 'inference-edge-cache; fwd=uri-miss; fwd-status=200; detail="relayed-live"'
    edge.says["get"] = json_answer(cache_status=relayed)
    write(chat("2+2?", temperature=0, stream=True))
    first = warm(run, edge)
    assert first.code == 0
    assert "streams 1 the gateway stores when they are complete: run it again to see" in said(first.out)
    assert "Run the same command again to go on with the rest." in said(first.out)
    edge.says["get"] = HIT
    again = warm(run, edge)
    edge.close()
    assert "hits 1: 1 by way of the gateway" in said(again.out)
    assert again.code == 0


def test_while_the_store_is_down_nothing_is_done(run, monkeypatch, folder):
    """The model has answered, and nobody has it: the next run asks again."""
    edge = Edge()
    monkeypatch.setenv("INFERENCE_EDGE_CACHE_API_KEY", API_KEY.text)
    down = 'inference-edge-cache; fwd=uri-miss; fwd-status=200; detail="the store is not available"'
    edge.says["get"] = json_answer(cache_status=down)
    write(chat("2+2?", temperature=0))
    first = warm(run, edge)
    assert first.code == 1
    assert said(first.out)[1:] == [
        "Not all is warmed",
        "hits 0",
        "stored 0",
        "refused 0",
        "failed 1",
        "the store is not available (line 1)",
        "Run the same command again to go on with the rest.",
    ]
    edge.says["get"] = MISS
    again = warm(run, edge)
    edge.close()
    assert again.code == 0
    assert "stored 1" in said(again.out)
    assert not (folder / "requests.jsonl.warmed").exists()


@pytest.mark.parametrize(("upload_url", "seconds"), [(None, 130), ("https://gateway.example.com", 3610)])
def test_where_the_gateway_itself_is_asked_it_may_take_an_hour(run, monkeypatch, upload_url, seconds):
    edge, timeouts, client = Edge(), [], httpx.AsyncClient

    def noted(**options):
        timeouts.append(options["timeout"].read)
        return client(**options)

    edge.publish(upload_url=upload_url)
    monkeypatch.setenv("INFERENCE_EDGE_CACHE_API_KEY", API_KEY.text)
    monkeypatch.setattr(httpx, "AsyncClient", noted)
    write(chat("2+2?", temperature=0))
    ran = warm(run, edge)
    edge.close()
    assert (ran.code, timeouts) == (0, [seconds])


# Before anything is sent ---------------------------------------------------------------------------------------------
@on_one_cloud
def test_every_bad_line_is_told_and_nothing_is_sent(run, edge, model):
    write(embedding("one"), {}, {"route": "/v1/rerank", "body": {}}, embedding("two"), {}, {}, [])
    ran = warm(run, edge)
    assert (ran.code, ran.out, len(model.asked)) == (2, "", 0)
    assert ran.err.splitlines() == [
        "error: requests.jsonl has lines that are no requests to this cache; nothing was sent:",
        "  lines 2, 5-6: body, route missing",
        f"  line 3: no inference route of this cache; it has {EMBEDDINGS}, {CHAT}",
        "  line 7: not a JSON object",
    ]


@on_one_cloud
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "error: the API key is missing: set INFERENCE_EDGE_CACHE_API_KEY, or name a file with --api-key-file"),
        (
            "sk-123",
            "error: INFERENCE_EDGE_CACHE_API_KEY: holds no API key; make one with: inference-edge-cache api-key",
        ),
    ],
)
def test_an_api_key_that_cannot_be_one(run, edge, monkeypatch, content, message):
    monkeypatch.delenv("INFERENCE_EDGE_CACHE_API_KEY")
    if content:
        monkeypatch.setenv("INFERENCE_EDGE_CACHE_API_KEY", content)
    write(embedding("one"))
    ran = warm(run, edge)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(message)
    assert "sk-123" not in ran.err


@on_one_cloud
def test_an_api_key_from_a_file_goes_before_the_environment(run, edge, monkeypatch, folder):
    monkeypatch.setenv("INFERENCE_EDGE_CACHE_API_KEY", "nonsense")
    (folder / "key").write_text(KEY + "\n")
    write(embedding("one"))
    assert warm(run, edge, "--api-key-file", "key").code == 0
    (folder / "key").write_text("")
    assert warm(run, edge, "--api-key-file", "key").err.startswith("error: key: holds no API key")


@on_one_cloud
def test_an_api_key_of_another_cache(run, edge, monkeypatch, model):
    other = derive_api_key(b"the master secret of some other cache", "alice").text
    monkeypatch.setenv("INFERENCE_EDGE_CACHE_API_KEY", other)
    write(*(embedding(f"text {number}") for number in range(30)))
    ran = warm(run, edge)
    assert (ran.code, len(model.asked)) == (2, 0)
    assert ran.err == "error: the cache refuses the API key (401): is it of this cache's master secret?\n"
    assert other not in ran.out + ran.err
    assert "not sent 30" in said(ran.out)


def test_where_access_is_public_no_key_is_needed(run, model, monkeypatch):
    monkeypatch.delenv("INFERENCE_EDGE_CACHE_API_KEY")
    preset = INFERENCE_PRESETS["embeddings"]
    route = InferenceRoute(path=EMBEDDINGS, policy=preset.policy, inference=preset.inference)
    write(embedding("one"))
    with LocalEdge(model.url, CachePolicy(), routes=[route]) as edge:
        assert "stored 1" in said(warm(run, edge).out)


@pytest.mark.parametrize(
    "url", ["cache.example.com", "http://cache.example.com", "https://c.example.com/v1", "https://u:p@c"]
)
def test_an_address_that_cannot_be_one(run, url):
    write(embedding("one"))
    ran = run("warm", "requests.jsonl", "--url", url)
    assert (ran.code, ran.out) == (2, "")
    assert (
        "must be https://HOST\n      fix: give the component's output url, without a path; plain http is for" in ran.err
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "error: http://127.0.0.1:1/.well-known/inference-edge-cache.json cannot be read: ConnectError"),
        (("--concurrency", "0"), "error: --concurrency: must be a whole number from 1 to 256"),
        (("--api-key-file", "nowhere"), "error: nowhere: No such file or directory"),
    ],
)
def test_what_it_cannot_start_with(run, args, message):
    ran = run("warm", "requests.jsonl", "--url", "http://127.0.0.1:1", *args)
    assert (ran.code, ran.out, ran.err) == (2, "", f"{message}\n")


@on_one_cloud
def test_a_file_that_is_not_there(run, edge):
    assert warm(run, edge).err == "error: requests.jsonl: No such file or directory\n"


@on_one_cloud
def test_a_journal_that_is_something_else(run, edge, folder):
    write(embedding("one"))
    notes = f"notes\n{'1' * 64}\n"
    (folder / "notes.txt").write_text(notes)
    assert warm(run, edge, "--journal", "notes.txt").code == 2
    assert (folder / "notes.txt").read_text() == notes
    ran = warm(run, edge, "--journal", "requests.jsonl")
    assert ran.code == 2
    assert "is no journal of this command" in ran.err


@on_one_cloud
def test_the_journal_holds_nothing_of_a_request(run, edge, model, folder):
    write(embedding("a secret prompt"), embedding("two"))
    model.says = [Says(500, b"{}")]
    warm(run, edge, "--concurrency", 1, "--journal", "done.txt")
    written = (folder / "done.txt").read_text()
    assert len(written) == 65
    assert set(written) <= set("0123456789abcdef\n")


def test_a_file_that_changes_while_it_is_sent(run, folder):
    edge = Edge()

    def change(seen):
        (folder / "requests.jsonl").write_text("{}\n" * 2_000)
        return problem(500)

    edge.says["get"] = edge.says["post"] = change
    body = {"model": "m", "temperature": 0, "messages": []}
    write(*({"route": CHAT, "body": {**body, "seed": number, "x": "x" * 500}} for number in range(500)))
    ran = run("warm", "requests.jsonl", "--url", edge.url, "--concurrency", 1)
    edge.close()
    assert ran.code == 2
    assert "requests.jsonl: was changed while it was being sent, line" in ran.err


@on_one_cloud
def test_many_reasons_lines_are_cut_short(run, edge):
    write(*(chat(f"{number}") if number % 2 else embedding("one") for number in range(100)))
    ran = warm(run, edge)
    numbers = "2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32"
    assert f"not-deterministic: temperature (lines {numbers[:55]}" in " ".join(said(ran.out))
    assert " ".join(said(ran.out)).count(", ...)") == 1
