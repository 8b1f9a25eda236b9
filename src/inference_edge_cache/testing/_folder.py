"""Records a folder with a Pulumi program, in a child process: what it imports and changes stays there."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml  # pulumi depends on it

from inference_edge_cache.errors import RecordingError
from inference_edge_cache.testing._child import Answer, Task
from inference_edge_cache.testing._job import in_full, make_job
from inference_edge_cache.testing._recording import Recording, Secret

CHILD = "import sys; from inference_edge_cache.testing._child import main; main(*sys.argv[1:])"
PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml")


def record_folder(
    folder: Path, *, preview: bool, config: Mapping[str, Any], project: str | None, stack: str
) -> Recording:
    """See `record`. Raises RecordingError when the folder is no Python program, or when the program failed."""
    task = read_task(folder, preview=preview, config=config, project=project, stack=stack)
    reply = _ask_child(task)
    if reply.recording is None:
        raise RecordingError(f"the program in {folder} failed: {reply.error}\n\n{reply.trace}".rstrip())
    return reply.recording


def read_task(folder: Path, *, preview: bool, config: Mapping[str, Any], project: str | None, stack: str) -> Task:
    """What `Pulumi.yaml` says to run: its name, its `main`, and its config defaults below the config given."""
    if not folder.is_dir():
        raise RecordingError(f"there is no folder {folder}")
    settings = _read_project(folder)
    main = (folder / (settings.get("main") or ".")).resolve()
    if not (main / "__main__.py").is_file() and not (main.is_file() and main.suffix == ".py"):
        raise RecordingError(f"{folder} has no Python program: {main / '__main__.py'} does not exist")
    name = project or settings["name"]
    return Task(main, make_job(name, stack, preview, {**_defaults(settings, name), **in_full(config, name)}))


def _read_project(folder: Path) -> Mapping[str, Any]:
    file = next((folder / name for name in PROJECT_FILES if (folder / name).is_file()), None)
    if file is None:
        raise RecordingError(f"{folder} is no Pulumi program: it has no Pulumi.yaml")
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise RecordingError(f"{file} is not YAML: {error}") from error
    if not isinstance(settings, dict) or not settings.get("name"):
        raise RecordingError(f"{file} does not say the project's name")
    runtime = settings.get("runtime")
    language = runtime.get("name") if isinstance(runtime, dict) else runtime
    if language != "python":
        raise RecordingError(f"{file} is a program for the runtime {language!r}: only python can be recorded")
    return settings


def _defaults(settings: Mapping[str, Any], project: str) -> dict[str, Any]:
    """The values in the `config` block: `key: value`, `key: {value: ...}` or `key: {default: ..., secret: true}`."""
    block = settings.get("config")
    defaults: dict[str, Any] = {}
    for key, entry in in_full(block if isinstance(block, dict) else {}, project).items():
        declared = entry if isinstance(entry, dict) else {"value": entry}
        value = declared.get("value", declared.get("default"))
        if value is not None:
            defaults[key] = Secret(value) if declared.get("secret") else value
    return defaults


def _ask_child(task: Task) -> Answer:
    with TemporaryDirectory() as scratch:
        task_file, answer_file = Path(scratch, "task"), Path(scratch, "answer")
        task_file.write_bytes(pickle.dumps(task))
        command = [sys.executable, "-c", CHILD, str(task_file), str(answer_file)]
        # In an empty folder, and with this process's import path: nothing in the program's folder hides a module
        # that Python or Pulumi needs to start.
        path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
        code = subprocess.run(  # noqa: S603
            command, cwd=scratch, env={**os.environ, "PYTHONPATH": path}, stdin=subprocess.DEVNULL, check=False
        ).returncode
        if not answer_file.exists():
            return Answer(error=f"its process ended with code {code}")
        reply: Answer = pickle.loads(answer_file.read_bytes())  # noqa: S301
        return reply
