"""The local edge, its gateway and its bucket, in a process of its own: ``python -m parts.run_edge MODEL``."""

import sys

from inference_edge_cache.local import LocalEdge
from inference_edge_cache.policy import CachePolicy
from parts.asking import ROUTES
from parts.living import announce, until_orphaned
from parts.master import MASTER


def main(model: str) -> None:
    with LocalEdge(model, CachePolicy(), routes=ROUTES, master_secret=MASTER) as edge:
        announce(edge.port)
        until_orphaned()


if __name__ == "__main__":
    main(*sys.argv[1:])
