"""Records a program folder, inside the child process that `_folder` starts."""

from __future__ import annotations

import os
import pickle
import runpy
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from inference_edge_cache.testing._job import Job
from inference_edge_cache.testing._mocks import CloudMocks
from inference_edge_cache.testing._recording import Recording
from inference_edge_cache.testing._runtime import run


@dataclass(frozen=True)
class Task:
    """`main` is the absolute path of a folder with a `__main__.py`, or of a Python file."""

    main: Path
    job: Job


@dataclass(frozen=True)
class Answer:
    """Either the recording, or why there is none: the error in a line and its traceback."""

    recording: Recording | None = None
    error: str = ""
    trace: str = ""


def answer(task: Task) -> Answer:
    """Runs the program as Pulumi's Python host does: in its own folder, as `__main__`, importing its neighbours."""
    folder = task.main if task.main.is_dir() else task.main.parent
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        return Answer(run(lambda: _run_main(task.main), CloudMocks(), task.job))
    except BaseException as error:  # sys.exit in a program is a failure to report too
        return Answer(error=f"{type(error).__name__}: {error}", trace=traceback.format_exc())


def _run_main(main: Path) -> None:
    runpy.run_path(str(main), run_name="__main__")


def main(task_file: str, answer_file: str) -> None:
    """Reads a pickled `Task` and writes a pickled `Answer`; both files are the parent's own."""
    task: Task = pickle.loads(Path(task_file).read_bytes())  # noqa: S301
    Path(answer_file).write_bytes(pickle.dumps(answer(task)))
