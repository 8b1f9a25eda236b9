"""Servers in processes of their own, from ``with`` to the end of the block."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inference_edge_cache.inference_rules import gateway_config
from inference_edge_cache.protocol import OriginIdentity
from parts.asking import ROUTES

BENCHMARKS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Server:
    url: str
    pid: int

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)


@contextmanager
def model(*, delay_ms: int = 0, answer_bytes: int = 1000) -> Iterator[Server]:
    with _running("parts.run_model", str(delay_ms), str(answer_bytes)) as server:
        yield server


@contextmanager
def bare() -> Iterator[Server]:
    """An app that does nothing, on the gateway's own server."""
    with _running("parts.run_bare") as server:
        yield server


@contextmanager
def gateway(model: Server, store: str) -> Iterator[Server]:
    """``store`` is ``memory:`` or ``file:/folder``."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "gateway.json"
        config.write_bytes(gateway_config(ROUTES, OriginIdentity(endpoint=model.url)).to_json())
        with _running("parts.run_gateway", model.url, store, str(config)) as server:
            yield server


@contextmanager
def edge(model: Server) -> Iterator[Server]:
    with _running("parts.run_edge", model.url) as server:
        yield server


@contextmanager
def _running(module: str, *arguments: str) -> Iterator[Server]:
    """It lives until its standard input ends, and so not longer than this process."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=BENCHMARKS, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        said = process.stdout.readline()
        if not said:
            raise SystemExit(f"{module} did not start")
        try:
            yield Server(json.loads(said)["url"], process.pid)
        finally:
            process.stdin.close()
