"""``inference-edge-cache api-key``: what a tenant is given."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from inference_edge_cache.errors import EdgeCacheError

MASTER = "INFERENCE_EDGE_CACHE_MASTER"


def api_key(
    tenant: Annotated[str, typer.Option("--tenant", metavar="NAME", help="Who shares answers under this key.")],
    master_file: Annotated[
        Path | None, typer.Option("--master-file", metavar="FILE", help=f"The master secret. Default: ${MASTER}.")
    ] = None,
) -> None:
    """Make the API key of a tenant from the master secret: the same one each time.

    The secret is read from a file, from the environment, or typed in unseen; it is never an argument, since those are
    in the list of processes and in the shell's history.
    """
    from inference_edge_cache.protocol import derive_api_key

    print(derive_api_key(_master(master_file), tenant).text)


def _master(file: Path | None) -> bytes:
    from inference_edge_cache.cli.secrets import secret_in

    if file:
        return secret_in(file).encode()
    given = os.environ.get(MASTER)
    if given:
        return os.fsencode(given).rstrip(b"\r\n")
    if not sys.stdin.isatty():
        raise EdgeCacheError(f"the master secret is missing: set {MASTER}, or name a file with --master-file")
    try:
        return typer.prompt("Master secret", hide_input=True, err=True).encode()
    except typer.Abort:  # Ctrl-C, or the end of the input
        raise KeyboardInterrupt from None
