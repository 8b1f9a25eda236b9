"""``inference-edge-cache serve``: the local edge in front of any endpoint."""

import shlex
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inference_edge_cache.capabilities import GCP_REQUEST_BODY_MAX, Cloud
from inference_edge_cache.cli.options import (
    CloudOption,
    PolicyOption,
    PortOption,
    PresetOption,
    RoutesOption,
    chosen_policy,
    chosen_routes,
    name_and_value,
)
from inference_edge_cache.errors import EdgeCacheError

if TYPE_CHECKING:
    from inference_edge_cache.cli.screen import Screen
    from inference_edge_cache.inference_rules import InferenceRoute

_PORT = 8787
_SECONDS_TO_CONNECT = 3

# Where the OpenAI SDK looks for a route, below its base_url.
_SDK_PATHS = {
    "openai-chat": "/chat/completions",
    "openai-completions": "/completions",
    "openai-embeddings": "/embeddings",
    "openai-responses": "/responses",
    "moderation": "/moderations",
}


def serve(
    origin: Annotated[str, typer.Option("--origin", metavar="URL", help="The endpoint: http://127.0.0.1:8000.")],
    route: RoutesOption = None,
    results: Annotated[
        Path | None,
        typer.Option("--results", metavar="FOLDER", help="Keep what the model said here. Default: until the end."),
    ] = None,
    master_file: Annotated[
        Path | None,
        typer.Option(
            "--master-file",
            metavar="FILE",
            help="Ask callers for an API key that was made from this secret. Default: anybody may ask.",
        ),
    ] = None,
    generation: Annotated[
        str | None,
        typer.Option(
            "--generation", metavar="NAME", help="A new one puts earlier results out of reach: after a model's change."
        ),
    ] = None,
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
    routes = chosen_routes(route or [])
    headers = dict(name_and_value("--origin-header", text, "x-api-key=...") for text in origin_header or [])
    if not routes:
        _check_unused({"--results": results, "--master-file": master_file, "--generation": generation})

    from inference_edge_cache.cli.deployable import check_deployable, warnings_of
    from inference_edge_cache.cli.screen import Screen
    from inference_edge_cache.cli.secrets import secret_in
    from inference_edge_cache.cli.stopping import terminated_cleanly
    from inference_edge_cache.cli.words import cloud_name, policy_in_words
    from inference_edge_cache.local import LocalEdge

    check_deployable(chosen, cloud)
    edge = LocalEdge(
        origin,
        chosen,
        cloud,
        routes=routes,
        results=results,
        master_secret=secret_in(master_file).encode() if master_file else None,
        generation=generation or "",
        port=port,
        store=store,
        origin_headers=headers,
    )
    _check_reachable(origin)
    screen = Screen()
    with terminated_cleanly(), edge:
        screen.lines([f"{edge.url} in front of {origin}"])
        scope = f"{name}, for all but the inference routes" if routes else name
        screen.pairs([("as", cloud_name(cloud)), ("policy", scope), *policy_in_words(chosen, cloud)])
        for warning in warnings_of(chosen, cloud):
            screen.warning(warning)
        if routes:
            _say_routes(screen, routes, results, master_file, edge.upload_url)
            _say_how_to_try(screen, routes, edge.url, master_file)
        screen.text("Answers say what happened in X-Cache and Cache-Status. Ctrl-C stops.", "dim")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            screen.text("stopped")


def _check_unused(given: dict[str, object]) -> None:
    unused = [option for option, value in given.items() if value is not None]
    if unused:
        raise EdgeCacheError(f"{unused[0]} is about inference routes, and there is none: name one with --route")


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


# Inference routes ----------------------------------------------------------------------------------------------------
def _say_routes(
    screen: "Screen",
    routes: "Sequence[InferenceRoute]",
    results: Path | None,
    master_file: Path | None,
    upload_url: str | None,
) -> None:
    from inference_edge_cache.cli.words import route_in_words

    keyed = "with an API key that was made from the master secret; each tenant has results of its own"
    public = "public: everyone on this machine shares results, and whatever api_key a caller sends reaches the model "
    public += "only with requests whose answers are not kept"
    screen.title("Inference routes", "where a POST is answered from the cache when it comes again")
    screen.pairs(
        [
            *((route.path, route_in_words(route)) for route in routes),
            ("access", keyed if master_file else public),
            ("results", f"in {results}" if results else "in a temporary folder, until the end"),
            *([("uploads", f"a body over {GCP_REQUEST_BODY_MAX:,} bytes goes to {upload_url}")] if upload_url else []),
        ]
    )


def _say_how_to_try(screen: "Screen", routes: "Sequence[InferenceRoute]", url: str, master_file: Path | None) -> None:
    """One line for each ``base_url`` of the OpenAI SDK, or for curl where no SDK of OpenAI knows the route."""
    api_key = "iec1..." if master_file else "any"
    lines = dict[str, None]()
    for route in routes:
        below = _SDK_PATHS.get(str(route.inference.dialect))
        if below and route.path.endswith(below):
            lines[f'OpenAI(base_url="{url}{route.path.removesuffix(below)}", api_key="{api_key}")'] = None
        else:
            key = f' -H "authorization: Bearer {api_key}"' if master_file else ""
            lines[f"curl --json @request.json{key} {url}{route.path}"] = None
    screen.title("Try", "the same request twice")
    screen.lines(f"    {line}" for line in lines)
    if master_file:
        file = shlex.quote(str(master_file))
        screen.lines([f"    inference-edge-cache api-key --tenant NAME --master-file {file}"])
    screen.lines([""])
