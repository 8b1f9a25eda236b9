"""The gateway on uvicorn, in a process of its own: ``python -m parts.run_gateway MODEL STORE CONFIG``.

It gets its configuration as a deployed one does, from a file, and loads what a deployed one loads.
"""

import sys
from pathlib import Path

from inference_edge_cache.gateway.config import parse_gateway_config
from inference_edge_cache.gateway.doors.asgi import gateway_asgi
from inference_edge_cache.gateway.gateway import Gateway
from inference_edge_cache.gateway.keyring import Keyring
from inference_edge_cache.gateway.models.https import HttpsModel
from inference_edge_cache.gateway.stores import store_from
from parts.living import serve
from parts.master import MASTER

LARGEST = 5 * 1024 * 1024


def main(model: str, store: str, config: str) -> None:
    rules = parse_gateway_config(Path(config).read_bytes())
    gateway = Gateway(rules, Keyring((MASTER,)), store_from(store), HttpsModel(model))
    serve(gateway_asgi(gateway, timeout=60, max_body_bytes=LARGEST), lifespan="on")


if __name__ == "__main__":
    main(*sys.argv[1:])
