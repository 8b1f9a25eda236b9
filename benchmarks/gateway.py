"""What the gateway costs and saves, as ratios against named baselines of the same run; and beside LiteLLM's cache.

``python benchmarks/gateway.py`` takes about two minutes, and one more the first time, to install LiteLLM in an
environment of its own. ``--quick`` only shows that everything runs. Servers are processes on 127.0.0.1, callers are
real clients. Cases take turns, round by round, so that a busy machine is busy for all of them; the best round of each
counts. Absolute times are for orientation only.
"""

import argparse

from parts import added_latency, beside_litellm, memory, servers, throughput, tiers
from parts.measuring import FULL, QUICK


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few requests of each: the numbers mean nothing")
    scale = QUICK if parser.parse_args().quick else FULL
    with servers.model() as model:
        added_latency.measure(model, scale)
        tiers.measure(model, scale)
        throughput.measure(model, scale)
        memory.measure(scale)
        beside_litellm.measure(model, scale)


if __name__ == "__main__":
    main()
