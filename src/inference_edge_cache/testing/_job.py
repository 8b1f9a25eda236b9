"""What a run needs besides the program and the mocks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference_edge_cache.testing._recording import Secret


@dataclass(frozen=True)
class Job:
    """`config` has full keys ("project:key") and, as Pulumi keeps them, string values."""

    project: str
    stack: str
    preview: bool
    config: Mapping[str, str]
    secret_keys: tuple[str, ...] = ()


def make_job(project: str, stack: str, preview: bool, config: Mapping[str, Any]) -> Job:
    """A job from config as users write it: short keys are the project's own, values that are no string become JSON."""
    full = in_full(config, project)
    return Job(
        project=project,
        stack=stack,
        preview=preview,
        config={key: _as_text(value.value if isinstance(value, Secret) else value) for key, value in full.items()},
        secret_keys=tuple(key for key, value in full.items() if isinstance(value, Secret)),
    )


def in_full(config: Mapping[str, Any], project: str) -> dict[str, Any]:
    """The same config with every key as "project:key"."""
    return {key if ":" in key else f"{project}:{key}": value for key, value in config.items()}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
