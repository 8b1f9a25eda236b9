"""``inference-edge-cache serve``: the local edge in front of any endpoint."""

import socket
import threading
from pathlib import Path
from typing import Annotated

import typer

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.cli.options import (
    CloudOption,
    PolicyOption,
    PortOption,
    PresetOption,
    chosen_policy,
    name_and_value,
)
from inference_edge_cache.errors import EdgeCacheError

_PORT = 8787
_SECONDS_TO_CONNECT = 3


def serve(
    origin: Annotated[str, typer.Option("--origin", metavar="URL", help="The endpoint: http://127.0.0.1:8000.")],
    policy: PolicyOption = None,
    preset: PresetOption = None,
    cloud: CloudOption = Cloud.AWS,
    port: PortOption = _PORT,
    store: Annotated[
        Path | None, typer.Option("--store", metavar="PATH", help="Keep answers in this file. Default: until the end.")
    ] = None,
    origin_header: Annotated[
        list[str] | None, typer.Option("--origin-header", metavar="NAME=VALUE", help="Add a header for the endpoint.")
    ] = None,
) -> None:
    """Run the edge in front of an endpoint, on this machine, as the chosen cloud would."""
    chosen, name = chosen_policy(policy, preset)
    headers = dict(name_and_value("--origin-header", text, "x-api-key=...") for text in origin_header or [])

    from inference_edge_cache.cli.deployable import check_deployable, warnings_of
    from inference_edge_cache.cli.screen import Screen
    from inference_edge_cache.cli.stopping import terminated_cleanly
    from inference_edge_cache.cli.words import cloud_name, policy_in_words
    from inference_edge_cache.local import LocalEdge

    check_deployable(chosen, cloud)
    edge = LocalEdge(origin, chosen, cloud, port=port, store=store, origin_headers=headers)
    _check_reachable(origin)
    screen = Screen()
    with terminated_cleanly(), edge:
        screen.lines([f"{edge.url} in front of {origin}"])
        screen.pairs([("as", cloud_name(cloud)), ("policy", name), *policy_in_words(chosen, cloud)])
        for warning in warnings_of(chosen, cloud):
            screen.warning(warning)
        screen.text("Answers say what happened in X-Cache and Cache-Status. Ctrl-C stops.", "dim")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            screen.text("stopped")


def _check_reachable(origin: str) -> None:
    """Raises ``EdgeCacheError`` unless something accepts connections at ``origin``."""
    import httpx

    url = httpx.URL(origin)
    try:
        port = url.port or {"http": 80, "https": 443}[url.scheme]
        socket.create_connection((url.host, port), _SECONDS_TO_CONNECT).close()
    except (OSError, UnicodeError) as error:  # a name that is none cannot be encoded
        reason = getattr(error, "strerror", None) or error
        raise EdgeCacheError(f"nothing answers at {origin} ({reason}): start the endpoint first") from error
