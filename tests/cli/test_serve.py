"""``serve``, in a process of its own, stopped by signals."""

import http.server
import signal
import socket
import threading

import httpx
import pytest


@pytest.fixture
def origin():
    """An endpoint of the standard library, which says what key it was sent."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = str(self.headers["x-api-key"]).encode()
            self.send_response(200)
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
