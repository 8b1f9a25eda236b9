"""A throw-away environment with LiteLLM in it, and a process in there that does what it is told."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from parts.pairs import Pair
from parts.servers import BENCHMARKS

ENVIRONMENT = BENCHMARKS.parent / ".venv" / "litellm"
PACKAGES = ("litellm==1.106.*", "fastapi", "mcp", "orjson", "soundfile")
"""What comes after it, a hit of its cache or a call with tools imports, and a plain installation lacks
(BerriAI/litellm#42195)."""
_READY = ENVIRONMENT / ".ready"
_SECONDS_TO_INSTALL = 600


class NotInstalled(Exception):
    """LiteLLM cannot be had. The message is one line."""


def set_up() -> Path:
    """The environment's Python. Raises ``NotInstalled``."""
    python = ENVIRONMENT / "bin" / "python"
    if _READY.exists() and _READY.read_text() == repr(PACKAGES) and python.exists():
        return python
    print(
        f"Installing LiteLLM into {ENVIRONMENT.relative_to(BENCHMARKS.parent)} (once; about a minute) ...", flush=True
    )
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
    try:
        for command in ([sys.executable, "-m", "venv", str(ENVIRONMENT)], pip):
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS_TO_INSTALL)
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise NotInstalled(said[-1] if said else type(error).__name__) from None
    _READY.write_text(repr(PACKAGES))
    return python


class LiteLLM:
    """LiteLLM in its process, in front of one model."""

    def __init__(self, process: subprocess.Popen[str], version: str) -> None:
        self._process, self.version = process, version

    def answered(self, pair: Pair, flagged: bool) -> list[list[str]] | str:
        """See ``run_litellm.answered``. ``flagged``: with its flag that puts fields it does not know in the key."""
        return self._told({"do": "answer", "pair": pair.document(), "flagged": flagged})

    def timed(self, bodies: list[str], *, caching: bool) -> list[float]:
        """Seconds of each."""
        return self._told({"do": "time", "bodies": bodies, "caching": caching})

    def _told(self, command: dict[str, Any]) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(command), file=self._process.stdin, flush=True)
        result = self._process.stdout.readline()
        if not result:
            raise SystemExit("LiteLLM's process has ended")
        return json.loads(result)


@contextmanager
def running(python: Path, base: str) -> Iterator[LiteLLM]:
    """Raises ``NotInstalled`` when it does not start."""
    command = [str(python), "-m", "parts.run_litellm", base]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=BENCHMARKS, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        version = process.stdout.readline()
        if not version:
            raise NotInstalled("it does not start")
        try:
            yield LiteLLM(process, json.loads(version))
        finally:
            process.stdin.close()
