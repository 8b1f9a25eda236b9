"""``inference-edge-cache explain``: why two requests share an answer, or do not."""

from pathlib import Path
from typing import Annotated, Any

import typer

from inference_edge_cache.cli.options import InferencePresetOption, chosen_inference

_DIFFERENT, _BYPASS = 1, 2


def explain(
    first: Annotated[Path, typer.Argument(metavar="A", help="The body of a request: JSON.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="The body of another one.")],
    preset: InferencePresetOption = "openai_chat",
) -> None:
    """Say why two requests share an answer (exit code 0), do not (1), or are not kept at all (2)."""
    chosen = chosen_inference(preset)

    from inference_edge_cache.cli.difference import first_difference
    from inference_edge_cache.cli.keyed import keyed, say_bypass
    from inference_edge_cache.cli.screen import Screen
    from inference_edge_cache.protocol import Bypass

    screen = Screen()
    requests = []
    for file in (first, second):
        request = keyed(file, chosen.inference, chosen.path)
        if isinstance(request, Bypass):
            say_bypass(screen, request, file)
        else:
            requests.append(request)
    if len(requests) < 2:
        raise typer.Exit(_BYPASS)
    one, other = requests
    found = first_difference(one.document, other.document)
    ignored = _ignored(one.ignored, other.ignored)
    if found is None:
        screen.lines(["the same key"])
        reason = chosen.reasons["ignored_fields"] if ignored else "what is left after RFC 8785 is the same"
        screen.pairs([("ignored", ", ".join(ignored) or "nothing"), ("because", reason)])
        return
    screen.lines([f"different keys: {found.path}"])
    rules = ", ".join(chosen.inference.ignored_fields) or "nothing"
    screen.pairs(
        [
            *zip(map(str, (first, second)), found.in_words(), strict=True),
            ("ignored", ", ".join(ignored) or "nothing"),
            ("because", f"whatever may change the answer is in the key; what {preset} ignores: {rules}"),
        ]
    )
    raise typer.Exit(_DIFFERENT)


def _ignored(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """The ignored fields that the requests have, and which of them differ."""
    return [
        name if name in first and name in second and first[name] == second[name] else f"{name} (differs)"
        for name in sorted(first.keys() | second.keys())
    ]
