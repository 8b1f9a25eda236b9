"""`record`: the one way in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi

from inference_edge_cache.errors import RecordingError
from inference_edge_cache.testing._folder import record_folder
from inference_edge_cache.testing._job import make_job
from inference_edge_cache.testing._mocks import CloudMocks
from inference_edge_cache.testing._recording import Recording
from inference_edge_cache.testing._runtime import run


def record(
    program: Callable[[], Any] | str | Path,
    *,
    preview: bool = False,
    config: Mapping[str, Any] | None = None,
    mocks: pulumi.runtime.Mocks | None = None,
    project: str | None = None,
    stack: str = "stack",
) -> Recording:
    """Runs a Pulumi program against mocks and returns what it registered. Nothing is deployed and no CLI is needed.

    `program` is a function without arguments (plain or async; what it returns is ignored), run in a thread of its
    own, or the path of a folder with a Pulumi program (`Pulumi.yaml` and `__main__.py`), run in a child process
    with the config defaults of its `Pulumi.yaml`; what it prints is passed through.
    `preview=True` runs it as `pulumi preview` does: ids and computed outputs are `Unknown`, `apply` does not see them.
    `config` maps "project:key", or "key" for this project's own, to a value; `Secret("x")` makes it a secret. A value
    that is not a string is stored as JSON, as `pulumi config` does.
    `mocks` (default `CloudMocks()`) answers for the cloud; not possible with a folder.
    `project` defaults to "project", of a folder to the name in its `Pulumi.yaml`.

    Raises what the program raised, also inside an `apply`; RecordingError for two resources with one URN, for a
    folder that is no program and for a program in a folder that failed. An Output put into a string is an error.
    """
    if not callable(program):
        if mocks is not None:
            raise RecordingError("a program in a folder runs in its own process, where these mocks cannot go")
        return record_folder(Path(program), preview=preview, config=config or {}, project=project, stack=stack)
    return run(program, mocks or CloudMocks(), make_job(project or "project", stack, preview, config or {}))
