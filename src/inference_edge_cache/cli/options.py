"""Options that several commands take, and what they choose."""

from pathlib import Path
from typing import Annotated

import typer

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.policy import PRESETS, CachePolicy, load_policy

CloudOption = Annotated[Cloud, typer.Option("--cloud", help="Whose rules to follow.")]
PolicyOption = Annotated[Path | None, typer.Option("--policy", metavar="FILE", help="A cache policy, as YAML.")]
PresetOption = Annotated[
    str | None, typer.Option("--preset", metavar="NAME", help=f"A ready policy: {', '.join(PRESETS)}.")
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
