"""How long an answer takes from each tier of the local edge, for callers with and without the client transport."""

from collections.abc import Iterator

import httpx

from inference_edge_cache.client import EXTENSION, EdgeCacheTransport
from inference_edge_cache.client.served import served_by_post
from parts import servers
from parts.asking import CHAT, HOURLY, authorized, chat, prompts
from parts.measuring import WARM_UP, Case, Scale, ms, table, times, timings
from parts.servers import Server


def measure(model: Server, scale: Scale) -> None:
    """Every caller here is an ``httpx.Client``: what differs is who answers."""
    scale = scale.at_most(5, 60)
    with (
        servers.edge(model) as edge,
        httpx.Client(base_url=model.url, trust_env=False) as to_model,
        httpx.Client(base_url=edge.url, headers=authorized(), trust_env=False) as plain,
        httpx.Client(base_url=edge.url, headers=authorized(), transport=EdgeCacheTransport()) as transport,
    ):
        new = (chat(prompt) for prompt in prompts())
        again = next(new)
        for _ in range(2):
            transport.post(CHAT, content=again)

        def stored(route: str) -> Iterator[bytes]:
            """Bodies whose answers are stored, and that the edge has not seen. Made when nobody looks at a clock."""
            count = scale.rounds * scale.samples + WARM_UP
            bodies = [next(new) for _ in range(count)]
            for body in bodies:
                plain.post(route, content=body).raise_for_status()
            return iter(bodies)

        def case(client: httpx.Client, tier: str, bodies: Iterator[bytes], route: str = CHAT) -> Case:
            def ask() -> None:
                answer = client.post(route, content=next(bodies)).raise_for_status()
                if client is transport:
                    assert answer.extensions[EXTENSION].tier == tier, answer.extensions[EXTENSION]
                elif client is plain:
                    assert served_by_post(answer.headers, "").tier == tier, answer.headers

            return ask

        same = iter(lambda: again, None)
        found = timings(
            {
                "the bare model": case(to_model, "", new),
                "transport: edge": case(transport, "edge", same),
                "transport: bucket": case(transport, "bucket", stored(CHAT)),
                "transport: gateway store": case(transport, "store", stored(HOURLY), HOURLY),
                "transport: model": case(transport, "model", new),
                "plain POST: gateway store": case(plain, "store", same),
                "plain POST: model": case(plain, "model", new),
            },
            scale,
        )
    base = found["the bare model"]
    table(
        f"2. Who answers behind the local edge: one httpx client, 1 KB, best of {scale.rounds} rounds of "
        f"{scale.samples}",
        ("", "p50", "", "p99", ""),
        [
            (name, ms(it.p50), times(it.p50, base.p50), ms(it.p99), times(it.p99, base.p99))
            for name, it in found.items()
        ],
        "x: times the bare model, asked with the same client. What the edge has not got yet it also keeps, in a file:",
        "that is part of bucket, store and model. All tiers are one process here: what is shown is work, not distance,",
        "which is what an edge location saves.",
    )
