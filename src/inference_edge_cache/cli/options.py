"""Options that several commands take, and what they choose."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.inference_rules import InferenceRoute
from inference_edge_cache.policy import INFERENCE_PRESETS, PRESETS, CachePolicy, InferencePreset, load_policy


def whole_number(option: str, least: int, most: int) -> Callable[[Any], int]:
    """Reads the number that was given with ``option``, or its default."""

    def read(given: Any) -> int:
        text = str(given)
        if re.fullmatch(r"[0-9]{1,9}", text) and least <= int(text) <= most:
            return int(text)
        raise EdgeCacheError(f"{option}: must be a whole number from {least} to {most}")

    return read


def _cloud(given: Any) -> Cloud:
    try:
        return Cloud(given)
    except ValueError:
        raise EdgeCacheError(f"--cloud: must be {' or '.join(Cloud)}") from None


def _presets() -> str:
    """Every preset, and in a few words what it is for."""
    return "; ".join(f"{name}, {re.split('[.,:]', preset.load)[0].lower()}" for name, preset in PRESETS.items())


CloudOption = Annotated[
    Cloud, typer.Option("--cloud", metavar="|".join(Cloud), parser=_cloud, help="Whose rules to follow.")
]
PortOption = Annotated[
    int,
    typer.Option(
        "--port",
        metavar="N",
        parser=whole_number("--port", 0, 65_535),
        help="Where to listen on 127.0.0.1; 0 takes a free port.",
    ),
]
PolicyOption = Annotated[Path | None, typer.Option("--policy", metavar="FILE", help="A cache policy, as YAML.")]
PresetOption = Annotated[str | None, typer.Option("--preset", metavar="NAME", help=f"A ready policy: {_presets()}.")]
InferencePresetOption = Annotated[
    str, typer.Option("--preset", metavar="NAME", help=f"The API it is for: {', '.join(INFERENCE_PRESETS)}.")
]
RoutesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--route",
        metavar="[PATH=]PRESET",
        help="Make the POST requests of this path cacheable, by what its API means: "
        f"{', '.join(INFERENCE_PRESETS)}. Without PATH, where the API has it. Repeatable.",
    ),
]


def chosen_policy(file: Path | None, preset: str | None) -> tuple[CachePolicy, str]:
    """The policy of a file, of a preset, or the default one, and what to call it."""
    if file and preset:
        raise EdgeCacheError("--policy and --preset both name a policy: keep one of them")
    if preset and preset not in PRESETS:
        raise EdgeCacheError(f"--preset {preset}: there is no such preset; choose one of {', '.join(PRESETS)}")
    if preset:
        return PRESETS[preset].policy, f"the preset {preset}"
    return (load_policy(file), str(file)) if file else (CachePolicy(), "the default one")


def chosen_inference(preset: str) -> InferencePreset:
    """The preset of that name. Raises ``EdgeCacheError`` when there is none."""
    if preset not in INFERENCE_PRESETS:
        names = ", ".join(INFERENCE_PRESETS)
        raise EdgeCacheError(f"--preset {preset}: there is no such preset; choose one of {names}")
    return INFERENCE_PRESETS[preset]


def chosen_routes(given: Sequence[str]) -> list[InferenceRoute]:
    """The inference routes that were given with ``--route``. Raises ``EdgeCacheError`` for a preset that is none."""
    routes = []
    for text in given:
        path, _, preset = text.rpartition("=")
        if preset not in INFERENCE_PRESETS:
            names = ", ".join(INFERENCE_PRESETS)
            raise EdgeCacheError(f"--route {text}: write PATH=PRESET or PRESET, with one of the presets {names}")
        found = INFERENCE_PRESETS[preset]
        routes.append(InferenceRoute(path=path or found.path, policy=found.policy, inference=found.inference))
    return routes


def name_and_value(option: str, text: str, example: str) -> tuple[str, str]:
    """``NAME=VALUE``, as given with ``option``. What is wrong is not repeated: it may be a secret."""
    name, separator, value = text.partition("=")
    if not separator or not name.strip(" "):
        raise EdgeCacheError(f"{option}: write NAME=VALUE, as in {example}")
    return name.strip(" "), value.strip(" ")
