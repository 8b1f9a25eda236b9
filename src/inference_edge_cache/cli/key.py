"""``inference-edge-cache key``: where the answer to a request is kept, or why it is not."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inference_edge_cache.cli.options import InferencePresetOption, chosen_inference, name_and_value
from inference_edge_cache.errors import EdgeCacheError

if TYPE_CHECKING:
    from inference_edge_cache.protocol import ApiKey

_BYPASS = 2


def key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The body of the request: JSON.")],
    preset: InferencePresetOption = "openai_chat",
    header: Annotated[
        list[str] | None, typer.Option("--header", metavar="NAME=VALUE", help="A header of the request. Repeatable.")
    ] = None,
    api_key_file: Annotated[
        Path | None,
        typer.Option("--api-key-file", metavar="FILE", help="The caller's API key. Default: public access."),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Public access, the default: no caller is told apart.")
    ] = False,
    route: Annotated[
        str | None, typer.Option("--route", metavar="PATH", help="Where the route is. Default: where the API has it.")
    ] = None,
    generation: Annotated[
        str | None,
        typer.Option("--generation", metavar="G", help="12 characters, as the cache's discovery document shows them."),
    ] = None,
) -> None:
    """Show where the answer to a request is kept, or why it is not (exit code 2)."""
    chosen = chosen_inference(preset)
    path = route or chosen.path
    headers = [name_and_value("--header", text, "openai-beta=...") for text in header or []]

    from inference_edge_cache.cli.keyed import keyed, say_bypass
    from inference_edge_cache.cli.screen import Screen
    from inference_edge_cache.inference_rules import route_rules
    from inference_edge_cache.protocol import (
        PAYLOAD_BUDGET,
        PUBLIC_API_KEY,
        Bypass,
        OriginIdentity,
        effective_generation,
        encode_payload,
        inference_path,
        request_key,
    )

    if public and api_key_file:
        raise EdgeCacheError("--public and --api-key-file both name a caller: keep one of them")
    caller = _api_key(api_key_file) if api_key_file else PUBLIC_API_KEY
    request = keyed(file, chosen.inference, path, headers)
    screen = Screen()
    if isinstance(request, Bypass):
        say_bypass(screen, request, file)
        raise typer.Exit(_BYPASS)
    example = effective_generation("", OriginIdentity(endpoint=""), route_rules(chosen.inference))
    screen.lines([inference_path(path, generation or example, caller.scope, request_key(caller.key, request.preimage))])
    payload = encode_payload(request.preimage)
    fits = (
        f"fits: {len(payload):,} of {PAYLOAD_BUDGET:,} characters" if payload else "does not fit: the path goes alone"
    )
    screen.pairs(
        [
            ("payload", fits),
            ("scope", "the API key's" if api_key_file else "public: whoever can guess the request can read its answer"),
            ("generation", "as given" if generation else "an example: each deployment has its own, see --generation"),
            ("ignored", ", ".join(request.ignored) or "nothing that this request has"),
        ]
    )


def _api_key(file: Path) -> "ApiKey":
    """The API key in ``file``. An error never shows what the file holds."""
    from inference_edge_cache.cli.secrets import secret_in
    from inference_edge_cache.protocol import parse_api_key

    found = parse_api_key(secret_in(file))
    if found is None:
        raise EdgeCacheError(f"{file}: holds no API key; make one with: inference-edge-cache api-key --tenant NAME")
    return found
