"""The function of a recorded graph, served as Cloud Run serves it.

Its own archive, unpacked; its own variables; and the Functions Framework, as the buildpack starts it
(DOCS/run/docs/runtimes/python).
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gcp_rules.functions import text_of
from gcp_rules.graph import FUNCTION, OBJECT, Graph, variables
from http_kit import free_port

from gcp_local.google import NAMES, Google

START_SECONDS = 60
HOSTS = Path(__file__).parent / "hosts"


@dataclass(frozen=True)
class Served:
    """A running function. ``log`` is what it has printed."""

    url: str
    source: Path
    log: Path


def unpack(graph: Graph, folder: Path) -> Path:
    """The archive that the function is built from."""
    (function,) = graph.of(FUNCTION)
    name = function.inputs["buildConfig"]["source"]["storageSource"]["object"]
    (archive,) = (one for one in graph.of(OBJECT) if one.inputs["name"] == name)
    for path, asset in archive.inputs["source"]["assets"].items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if asset.get("text") is None:
            shutil.copyfile(asset["path"], file)
        else:
            file.write_text(text_of(asset), encoding="utf-8")
    return folder


@contextmanager
def served(graph: Graph, google: Google, storage: str, folder: Path) -> Iterator[Served]:
    """The function of ``graph``, with its bucket at ``storage``, until the block ends."""
    (function,) = graph.of(FUNCTION)
    source = unpack(graph, folder / "workspace")
    port, log = free_port(), folder / "function.log"
    environment = {
        **variables(function),
        # Cloud Run's own (DOCS/run/docs/container-contract), and the buildpack's.
        "PORT": str(port),
        "K_SERVICE": function.outputs["name"],
        "K_REVISION": f"{function.outputs['name']}-00001",
        "FUNCTION_TARGET": function.inputs["buildConfig"]["entryPoint"],
        "FUNCTION_SIGNATURE_TYPE": "http",
        # Where things are on this machine.
        "HOST": "127.0.0.1",
        "STORAGE_EMULATOR_HOST": storage,
        "GCE_METADATA_HOST": google.url,
        "GCE_METADATA_IP": google.url,
        "SSL_CERT_FILE": str(google.authority),
        "HOSTS_IN_TESTS": json.dumps(dict.fromkeys(NAMES, google.port)),
        # Before what is installed here: the archive's own copy of the package is the one that runs.
        "PYTHONPATH": os.pathsep.join([str(HOSTS), str(source)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "functions_framework"], cwd=source, env=environment, stdout=out, stderr=out
        )
        try:
            _wait(process, port, log)
            yield Served(f"http://127.0.0.1:{port}", source, log)
        finally:
            process.terminate()
            try:
                process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the function did not start: {log.read_text(errors='replace')}")
