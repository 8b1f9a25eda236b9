"""What the gateway adds to an answer of the model, and what it saves."""

import tempfile
from pathlib import Path

from parts import servers
from parts.asking import CHAT, authorized, chat, prompts
from parts.callers import Caller
from parts.measuring import Case, Scale, ms, table, times, timings
from parts.servers import Server

SLOW_MS = 50


def asking_anew(caller: Caller, expected: str, **fields: object) -> Case:
    """A POST of a prompt that is new. ``expected`` stands in the Cache-Status of each answer."""
    headers, new = authorized(), prompts()

    def case() -> None:
        answer = caller.ask("POST", CHAT, headers, chat(next(new), **fields))
        assert expected in answer.cache_status, answer.cache_status

    return case


def asking_again(caller: Caller, method: str) -> Case:
    """A request whose answer is stored, as a POST or as the GET of its path."""
    post = CHAT, authorized(), chat(next(prompts()))
    path = caller.ask("POST", *post).headers["content-location"]
    request = post if method == "POST" else (path, {}, None)

    def case() -> None:
        answer = caller.ask(method, *request)
        assert ";hit" in answer.cache_status.replace(" ", ""), answer.cache_status

    return case


def measure(model: Server, scale: Scale) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.model(delay_ms=SLOW_MS) as slow,
        servers.bare() as app,
        servers.gateway(model, "memory:") as memory,
        servers.gateway(model, Path(folder).as_uri()) as files,
    ):
        bare, waiting, on_uvicorn = Caller(model), Caller(slow), Caller(app)
        in_memory, in_files = Caller(memory), Caller(files)
        found = timings(
            {
                "the bare model": asking_anew(bare, ""),
                "a bare app on uvicorn": asking_anew(on_uvicorn, ""),
                "gateway, bypass": asking_anew(in_memory, "fwd=bypass", temperature=1),
                "gateway, miss, stored in memory": asking_anew(in_memory, "stored"),
                "gateway, miss, stored in a folder": asking_anew(in_files, "stored"),
                "gateway, hit by POST, memory": asking_again(in_memory, "POST"),
                "gateway, hit by POST, folder": asking_again(in_files, "POST"),
                "gateway, hit by GET, memory": asking_again(in_memory, "GET"),
                "gateway, hit by GET, folder": asking_again(in_files, "GET"),
            },
            scale,
        )
        found |= timings({f"a model that takes {SLOW_MS} ms": asking_anew(waiting, "")}, scale.at_most(1, 20))
    base = found["the bare model"]
    table(
        f"1. What the gateway adds: one caller, 1 KB in, 1 KB out, best of {scale.rounds} rounds of {scale.samples}",
        ("", "p50", "", "added", "p99", ""),
        [
            (name, ms(it.p50), times(it.p50, base.p50), ms(it.p50 - base.p50), ms(it.p99), times(it.p99, base.p99))
            for name, it in found.items()
        ],
        "x: times the bare model, which answers at once: what is left of it is HTTP. A bypass and a miss ask it and",
        "wait for it; a hit asks nobody. The gateway runs on uvicorn, whose own share the second line shows.",
        "The last line has no cache: it is what a hit saves, where the model has something to do.",
    )
