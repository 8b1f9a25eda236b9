"""What the local edge saves and what it costs, as ratios against named baselines of the same run.

``python benchmarks/local_edge.py`` takes about ten seconds. Each round measures every case once, one after the other,
so that a busy machine is busy for all of them; what is compared are medians. Absolute times are for orientation only.
"""

import itertools
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inference_edge_cache.local import LocalEdge
from inference_edge_cache.local.demo_model import MODEL, demo_model
from inference_edge_cache.local.demo_traffic import sentences
from inference_edge_cache.policy import CacheKey, CachePolicy

ROUNDS = 150
POLICY = CachePolicy(default_ttl="1h", key=CacheKey(query_only=["model", "text", "n"]))


@contextmanager
def bare_app(body: bytes) -> Iterator[str]:
    """The URL of the smallest app there is, on the same server as the edge, which always answers ``body``."""

    async def answer(_: Request) -> Response:
        return Response(body, media_type="application/json", headers={"cache-control": "public, max-age=3600"})

    config = uvicorn.Config(Starlette(routes=[Route("/{path:path}", answer)]), log_level="critical", access_log=False)
    server = uvicorn.Server(config)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def medians(cases: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median of each case in milliseconds."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, case in cases.items():
            started = time.perf_counter()
            case()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) * 1000 for name, taken in seconds.items()}


def getter(client: httpx.Client, tier: str | None, targets: Iterator[dict[str, str]]) -> Callable[[], None]:
    """A case: one GET, which must come from ``tier``."""

    def get() -> None:
        answer = client.get("/v1/embed", params=next(targets)).raise_for_status()
        found = answer.headers.get("x-cache")
        assert tier is None or found == f"{tier} from local edge", found

    return get


def measure() -> dict[str, float]:
    known = sentences(50)
    one = {"model": MODEL, "text": known[0]}
    with demo_model() as model, httpx.Client(base_url=model.url, trust_env=False) as to_model:

        def computed(sentence: str) -> httpx.Response:
            return to_model.post("/v1/embeddings", json={"model": MODEL, "input": sentence}).raise_for_status()

        body = computed(known[0]).content
        with (
            bare_app(body) as bare,
            LocalEdge(bare, POLICY) as edge,
            httpx.Client(base_url=bare, trust_env=False) as to_bare,
            httpx.Client(base_url=edge.url, trust_env=False) as to_edge,
        ):
            to_edge.get("/v1/embed", params=one)
            texts = itertools.cycle(known)
            unseen = ({**one, "n": str(number)} for number in itertools.count())
            return medians(
                {
                    "model": lambda: computed(next(texts)),
                    "bare": getter(to_bare, None, itertools.repeat(one)),
                    "hit": getter(to_edge, "Hit", itertools.repeat(one)),
                    "miss": getter(to_edge, "Miss", unseen),
                }
            )


def main() -> None:
    p50 = measure()
    print(f"local edge, medians of {ROUNDS} rounds, one caller, 127.0.0.1\n")
    print(f"  {'case':<11}{'p50':>9}    {'baseline':<41}{'p50':>9}    ratio")
    for case, baseline, words in (
        ("hit", "model", "the model, asked directly"),
        ("hit", "bare", "the same bytes from a bare starlette app"),
        ("miss", "bare", "the bare starlette app, asked directly"),
    ):
        ratio = p50[baseline] / p50[case]
        said = f"{ratio:.1f} x faster" if ratio >= 1 else f"{1 / ratio:.1f} x slower"
        print(f"  edge {case:<6}{p50[case]:>6.2f} ms    {words:<41}{p50[baseline]:>6.2f} ms    {said}")
    print(f"\n  a miss costs {p50['miss'] - p50['bare']:.1f} ms on top of what the origin takes")


if __name__ == "__main__":
    main()
