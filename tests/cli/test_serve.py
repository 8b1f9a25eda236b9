"""``serve``, in a process of its own, stopped by signals."""

import http.server
import json
import re
import signal
import socket
import threading

import httpx
import openai
import pytest

from inference_edge_cache.protocol import derive_api_key


@pytest.fixture
def calls():
    """The Authorization of each POST that the endpoint was sent."""
    return []


@pytest.fixture
def origin(calls):
    """An endpoint of the standard library, which says what key it was sent."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = str(self.headers["x-api-key"]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            calls.append(self.headers["Authorization"])
            body = json.dumps(
                {
                    "object": "list",
                    "model": asked["model"],
                    "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
                    "usage": {"prompt_tokens": 1, "total_tokens": 1},
                }
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("number", "code", "last_words"),
    [(signal.SIGINT, 0, "  stopped\n"), (signal.SIGTERM, 143, ""), (signal.SIGHUP, 129, "")],
)
def test_it_serves_until_it_is_told_to_stop(started, origin, tmp_path, monkeypatch, number, code, last_words):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with started("serve", "--origin", origin, "--port", 0, "--origin-header", "x-api-key = k=1") as command:
        said = command.read_until("Ctrl-C")
        url = said.split()[0]
        answers = [httpx.get(f"{url}/a?text=secret-prompt", trust_env=False) for _ in range(2)]
        assert list(tmp_path.iterdir()) != []
        command.process.send_signal(number)
        out, err = command.process.communicate(timeout=20)
    assert list(tmp_path.iterdir()) == []
    assert [answer.headers["x-cache"] for answer in answers] == ["Miss from local edge", "Hit from local edge"]
    assert answers[0].text == "k=1"
    assert (command.process.returncode, out, err) == (code, last_words, "")
    assert said.startswith(
        f"{url} in front of {origin}\n  as        CloudFront\n  policy    the default one\n  kept      GET and"
    )
    assert "at most 1d; 1h where it says nothing" in " ".join(said.split())
    assert "secret" not in said + out
    host, port = url.removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_it_says_what_a_deployment_would_warn_of(started, origin):
    with started("serve", "--origin", origin, "--port", 0, "--cloud", "gcp", "--preset", "embeddings") as command:
        said = command.read_until("Ctrl-C")
        command.process.send_signal(signal.SIGINT)
        command.process.communicate(timeout=20)
    assert "  as        Media CDN\n  policy    the preset embeddings\n" in said
    assert "warning: policy.mode: Media CDN caches JSON only when the origin sends" in said
    assert max(map(len, said.splitlines())) <= 80


MASTER = "a master secret that only these tests use"


def asked_twice(base_url, api_key):
    """What the unchanged OpenAI SDK is told of two equal requests."""
    with openai.OpenAI(
        base_url=base_url,
        api_key=api_key,
        max_retries=0,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    ) as client:
        answers = [
            client.embeddings.with_raw_response.create(model="e5", input="secret-prompt", encoding_format="float")
            for _ in range(2)
        ]
    assert [answer.parse().data[0].embedding for answer in answers] == [[0.5], [0.5]]
    return [answer.headers["cache-status"].partition(",")[0] for answer in answers]


def test_an_inference_route_answers_the_openai_sdk_from_the_cache(started, origin, calls, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with started("serve", "--origin", origin, "--port", 0, "--route", "embeddings") as command:
        said = command.read_until("Ctrl-C")
        base_url = re.search(r'^    OpenAI\(base_url="(.*)", api_key="any"\)$', said, re.MULTILINE)
        assert base_url is not None
        first, second = asked_twice(base_url[1], "sk-mine")
        command.process.send_signal(signal.SIGINT)
        out, err = command.process.communicate(timeout=20)
    assert (first.endswith(";stored"), second.startswith("inference-edge-cache;hit")) == (True, True)
    assert calls == [None]
    assert (command.process.returncode, out, err) == (0, "  stopped\n", "")
    words = " ".join(said.split())
    assert "policy the default one, for all but the inference routes" in words
    assert "/v1/embeddings answers to all requests; for 7d at the edge, for 30d behind it" in words
    assert "access public: everyone on this machine shares results" in words
    assert "results in a temporary folder, until the end" in words
    assert list(tmp_path.iterdir()) == []


def test_with_a_master_secret_it_asks_for_keys_and_shows_no_secret(started, origin, calls, tmp_path):
    file = tmp_path / "master secret"
    file.write_text(f"{MASTER}\n")
    key = derive_api_key(MASTER.encode(), "alice").text
    for kept in range(2):
        options = ["--route", "/embed=embeddings", "--results", tmp_path / "results", "--master-file", file]
        with started("serve", "--origin", origin, "--port", 0, "--cloud", "gcp", *options) as command:
            said = command.read_until("Ctrl-C")
            url = said.split()[0]
            body = {"model": "e5", "input": "secret-prompt"}
            with httpx.Client(base_url=url, trust_env=False) as client:
                refused = client.post("/embed", json=body)
                answer = client.post("/embed", json=body, headers={"authorization": f"Bearer {key}"})
            command.process.send_signal(signal.SIGINT)
            out, err = command.process.communicate(timeout=20)
        assert (refused.status_code, answer.status_code, command.process.returncode) == (401, 200, 0)
        assert len(calls) == 1, "the second run finds what the first one stored"
        assert ("hit" in answer.headers["cache-status"]) is bool(kept)
    assert f'    curl --json @request.json -H "authorization: Bearer iec1..." {url}/embed\n' in said
    assert f"    inference-edge-cache api-key --tenant NAME --master-file '{file}'\n" in said
    words = " ".join(said.split())
    assert f"resultsin{tmp_path / 'results'}" in words.replace(" ", "")
    assert "uploads a body over 16,384 bytes goes to http://127.0.0.1:" in words
    assert not any(word in said + out + err for word in (MASTER, key, "secret-prompt"))


def test_a_new_generation_puts_earlier_results_out_of_reach(started, origin, calls, tmp_path):
    for generation in ("1", "2"):
        options = ["--route", "embeddings", "--results", tmp_path, "--generation", generation]
        with started("serve", "--origin", origin, "--port", 0, *options) as command:
            url = command.read_until("Ctrl-C").split()[0]
            asked_twice(f"{url}/v1", "any")
            command.process.send_signal(signal.SIGINT)
            command.process.communicate(timeout=20)
    assert len(calls) == 2


PRESETS = "openai_chat, openai_responses, embeddings,"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("--route nope", f"error: --route nope: write PATH=PRESET or PRESET, with one of the presets {PRESETS}"),
        ("--route /a=", f"error: --route /a=: write PATH=PRESET or PRESET, with one of the presets {PRESETS}"),
        ("--route /a/=embeddings", "error: the edge has 1 problem:\n  routes[0].path = '/a/'\n"),
        ("--route embeddings --route embeddings", "error: the edge has 1 problem:\n  routes[1].path = "),
        ("--results r", "error: --results is about inference routes, and there is none: name one with --route\n"),
        ("--master-file m", "error: --master-file is about inference routes, and there is none: name"),
        ("--generation 2", "error: --generation is about inference routes, and there is none: name one with --route\n"),
        ("--route embeddings --master-file nowhere", "error: nowhere: No such file or directory\n"),
        (
            "--route embeddings --master-file short",
            "error: the master secret has 12 bytes and needs at least 32",
        ),
        ("--route embeddings --results short", "error: short: cannot hold results: "),
    ],
)
def test_routes_that_it_cannot_start_with(run, origin, tmp_path, monkeypatch, typed, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short").write_text("short-secret")
    ran = run("serve", "--origin", origin, *typed.split())
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(message)
    assert "short-secret" not in ran.err
    assert [file.name for file in tmp_path.iterdir()] == ["short"]
