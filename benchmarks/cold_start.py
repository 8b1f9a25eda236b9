"""What a cold start of the gateway imports, as a ratio to ``import boto3`` of the same run.

``python benchmarks/cold_start.py`` takes about ten seconds. The handler that is deployed is imported in a fresh
interpreter that has its files and nothing else, and keeps no compiled ones, as on AWS Lambda. The baseline, the SDK
that each function with a bucket imports, has its compiled files. Cases take turns; what counts is the processor's time,
in the best of all rounds.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
from parts.measuring import ms, table, times

from inference_edge_cache.gateway.archive import LAMBDA_HANDLER, archive_files

ROUNDS = 20
PACKAGES = Path(boto3.__file__).parents[1]


def milliseconds(module: str, *folders: Path) -> float:
    """Of the processor, for one import in a fresh interpreter that finds only ``folders`` and the standard library."""
    code = (
        f"import sys, time; sys.path += {[str(folder) for folder in folders]!r}; started = time.process_time(); "
        f"import {module}; print(time.process_time() - started)"
    )
    interpreter = [sys.executable, "-I", "-S", "-B", "-c", code]
    return float(subprocess.run(interpreter, capture_output=True, text=True, check=True).stdout) * 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        task = Path(name)
        for file, content in archive_files().items():
            (task / file).parent.mkdir(parents=True, exist_ok=True)
            (task / file).write_bytes(content)
        cases = {
            "import boto3": ("boto3", PACKAGES),
            "the gateway's handler": (LAMBDA_HANDLER.rpartition(".")[0], task),
        }
        rounds = [[milliseconds(*case) for case in cases.values()] for _ in range(ROUNDS)]
    best = [min(taken) for taken in zip(*rounds, strict=True)]
    table(
        f"A cold start's imports, best of {ROUNDS}",
        ("", "processor", "times boto3"),
        [(name, ms(taken), times(taken, best[0])) for name, taken in zip(cases, best, strict=True)],
    )


if __name__ == "__main__":
    main()
