"""Run the command line in this process, or in one of its own."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from inference_edge_cache.cli import main

COMMAND = "from inference_edge_cache.cli import main; main()"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run a command in this process, as if its output went to a file."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def run(*args: object) -> Ran:
        with pytest.raises(SystemExit) as left:
            main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Ran(int(left.value.code or 0), out, err)

    return run


@dataclass(frozen=True)
class Command:
    """A command in a process of its own, and everything that it starts."""

    process: subprocess.Popen[str]
    mark: str

    def read_until(self, word: str) -> str:
        """What it prints up to and with the first line that holds ``word``."""
        lines = ""
        for line in self.process.stdout or ():
            lines += line
            if word in line:
                return lines
        raise AssertionError(f"it ended without printing {word!r}:\n{lines}{self.process.communicate()[1]}")

    def family(self) -> list[int]:
        """The ids of the living processes that it and its children are."""
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and self._marked(entry)]

    def _marked(self, entry: Path) -> bool:
        try:
            return self.mark.encode() in (entry / "environ").read_bytes()
        except OSError:
            return False


@pytest.fixture
def started() -> Callable[..., object]:
    """Start a command in a process of its own; it is killed at the end should it still run."""

    @contextmanager
    def started(*args: object) -> Iterator[Command]:
        mark = f"IEC_TEST_MARK={uuid.uuid4()}"
        name, _, value = mark.partition("=")
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, name: value, "COLUMNS": "80"},
        )
        try:
            yield Command(process, mark)
        finally:
            process.kill()
            process.communicate()

    return started
