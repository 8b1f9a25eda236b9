"""Answers per second, for 1, 8 and 64 callers who ask again as soon as they have an answer."""

import itertools

from parts import servers
from parts.asking import CHAT, authorized, chat, prompts
from parts.callers import Caller, on_the_wire, per_second
from parts.measuring import Scale, table
from parts.servers import Server

CLIENTS = (1, 8, 64)
STORED = 100
"""Answers that are asked for again and again, by turns."""


def measure(model: Server, scale: Scale) -> None:
    scale = scale.at_most(3, scale.samples)
    bodies = [chat(prompt) for prompt in itertools.islice(prompts(), STORED)]
    by_post = [on_the_wire("POST", CHAT, authorized(), body) for body in bodies]
    with (
        servers.bare() as app,
        servers.gateway(model, "memory:") as gateway,
        servers.edge(model) as edge,
    ):

        def by_get(server: Server) -> list[bytes]:
            """The paths of the answers, which are stored, and at the edge, from now on."""
            caller = Caller(server)
            paths = [caller.ask("POST", CHAT, authorized(), body).headers["content-location"] for body in bodies]
            for path in paths:
                caller.ask("GET", path, {})
            return [on_the_wire("GET", path, {}) for path in paths]

        cases = {
            "the bare model": (model, by_post),
            "a bare app on uvicorn": (app, by_post),
            "gateway, hits by POST": (gateway, by_post),
            "gateway, hits by GET": (gateway, by_get(gateway)),
            "local edge, hits at the edge by GET": (edge, by_get(edge)),
            "local edge, hits by POST": (edge, by_post),
        }
        best: dict[tuple[str, int], float] = {}
        for _ in range(scale.rounds):
            for clients, (name, (server, requests)) in itertools.product(CLIENTS, cases.items()):
                rate = per_second(server, itertools.cycle(requests), clients, scale.seconds)
                best[name, clients] = max(rate, best.get((name, clients), 0))
    rows = []
    for name in cases:
        cells = list[str]()
        for clients in CLIENTS:
            rate = best[name, clients]
            cells += [f"{rate:,.0f} /s", f"{rate / best['the bare model', clients]:.2f} x"]
        rows.append((name, *cells))
    header = ("", *itertools.chain.from_iterable((f"{clients} at a time", "") for clients in CLIENTS))
    table(
        f"3. Answers per second, 1 KB, best of {scale.rounds} rounds of {scale.seconds:g} s",
        header,
        rows,
        "x: times the bare model with as many callers. Each server is one process; the callers are one more.",
    )
