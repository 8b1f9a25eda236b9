"""The ``inference-edge-cache`` command. Importing this module loads nothing that an extra brings."""

import sys
from collections.abc import Sequence

from inference_edge_cache.errors import EdgeCacheError, MissingExtraError

__all__ = ["main"]

BAD_INPUT = 2


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line ``args`` (default: the process's own) and exit (``SystemExit``).

    Exits 0 when all went well, 2 when the input was wrong (one clear message, no traceback), 130 on Ctrl-C.
    """
    try:
        try:
            from inference_edge_cache.cli.app import app

            app(list(sys.argv[1:] if args is None else args), prog_name="inference-edge-cache")
        except ImportError as error:
            if (error.name or "").partition(".")[0] not in {"click", "rich", "typer"}:
                raise
            raise MissingExtraError("local", "The command line") from error
    except EdgeCacheError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
