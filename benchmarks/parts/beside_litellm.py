"""The gateway beside LiteLLM's own cache: the same machine, the same model, the same requests."""

import itertools
from collections.abc import Callable, Iterator

from openai import DefaultHttpxClient, OpenAI

from inference_edge_cache.client import EdgeCacheTransport
from parts import litellm_environment, servers
from parts.asking import api_key, chat, messages, prompts
from parts.litellm_environment import LiteLLM, NotInstalled
from parts.measuring import WARM_UP, Scale, Timing, best, ms, percentiles, sampled, table, times
from parts.servers import Server
from parts.whose_answer import compare

Run = Callable[[int], Timing]
"""So many requests, one after the other."""


def measure(model: Server, scale: Scale) -> None:
    try:
        python = litellm_environment.set_up()
        with servers.gateway(model, "memory:") as gateway, litellm_environment.running(python, model.url) as peer:
            _speed(model, gateway, peer, scale.at_most(5, 100))
            compare(gateway, peer)
    except NotInstalled as error:
        print(f"\n5. Beside LiteLLM: left out, it cannot be installed: {error}")


def _speed(model: Server, gateway: Server, peer: LiteLLM, scale: Scale) -> None:
    """Every call ends in objects of Python, as programs use them."""
    new = prompts()
    same = itertools.repeat(next(new))

    def ours(client: OpenAI, texts: Iterator[str]) -> Run:
        def ask() -> None:
            client.chat.completions.create(model="m", messages=messages(next(texts)), temperature=0)

        return lambda samples: sampled(ask, samples)

    def theirs(texts: Iterator[str], caching: bool) -> Run:
        def run(samples: int) -> Timing:
            bodies = [chat(text).decode() for text in itertools.islice(texts, samples)]
            return percentiles(peer.timed(bodies, caching=caching))

        return run

    with (
        servers.edge(model) as edge,
        _sdk(model) as to_model,
        _sdk(gateway) as to_gateway,
        _sdk(edge, EdgeCacheTransport()) as by_transport,
    ):
        cases: dict[str, Run] = {
            "the bare model, OpenAI's SDK": ours(to_model, new),
            "the bare model, LiteLLM without cache": theirs(new, caching=False),
            "miss, LiteLLM": theirs(new, caching=True),
            "miss, OpenAI's SDK and the gateway": ours(to_gateway, new),
            "hit, LiteLLM, in its own process": theirs(same, caching=True),
            "hit, OpenAI's SDK and the gateway": ours(to_gateway, same),
            "hit, OpenAI's SDK, transport, local edge": ours(by_transport, same),
        }
        rounds: dict[str, list[Timing]] = {name: [] for name in cases}
        for run in cases.values():
            run(WARM_UP)
        for _ in range(scale.rounds):
            for name, run in cases.items():
                rounds[name].append(run(scale.samples))
    found = {name: best(each) for name, each in rounds.items()}
    base = found["the bare model, OpenAI's SDK"]
    table(
        f"5a. Beside LiteLLM {peer.version}: one caller, 1 KB, best of {scale.rounds} rounds of {scale.samples}",
        ("", "p50", "", "p99", ""),
        [
            (name, ms(it.p50), times(it.p50, base.p50), ms(it.p99), times(it.p99, base.p99))
            for name, it in found.items()
        ],
        "x: times the bare model, asked with OpenAI's SDK. LiteLLM's cache is a dict in the caller's own process; the",
        "gateway's is in another process, for all callers.",
    )


def _sdk(server: Server, transport: EdgeCacheTransport | None = None) -> OpenAI:
    http_client = DefaultHttpxClient(transport=transport, trust_env=False)
    return OpenAI(base_url=f"{server.url}/v1", api_key=api_key(), http_client=http_client, max_retries=0)
