"""The ``inference-edge-cache`` command. Importing this module loads nothing that an extra brings."""

import contextlib
import errno
import os
import sys
from collections.abc import Sequence

from inference_edge_cache.errors import EdgeCacheError, MissingExtraError

__all__ = ["main"]

LOST_OUTPUT, BAD_INPUT, INTERRUPTED = 1, 2, 130
_OUTPUT_ERRORS = {errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC}


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line ``args`` (default: the process's own) and exit (``SystemExit``).

    Exits 0 when all went well, which for ``serve`` is Ctrl-C once it listens. Otherwise 1 when the demo's two counts
    differ or the output cannot be written, 2 when the input was wrong, 130 on any other Ctrl-C, and 129 and 143 on
    SIGHUP and SIGTERM while an edge runs. Each of 1 and 2 comes with one clear message and no traceback, unless the
    fault is ours.
    """
    try:
        code = _run(list(sys.argv[1:] if args is None else args))
        if sys.stdout:
            sys.stdout.flush()
        sys.exit(code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except EdgeCacheError as error:
        _say_error(str(error))
        sys.exit(BAD_INPUT)
    except OSError as error:
        if error.filename or error.errno not in _OUTPUT_ERRORS:
            raise
        _give_output_up()
        _say_error(f"the output cannot be written: {error.strerror}")
        sys.exit(LOST_OUTPUT)


def _run(args: list[str]) -> int:
    try:
        from inference_edge_cache.cli.app import run

        return run(args)
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in {"click", "rich", "typer"}:
            raise
        raise MissingExtraError("local", "The command line") from error


def _give_output_up() -> None:
    """Let what is left in standard output go nowhere, or Python would complain of it when it exits."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say_error(message: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        print(f"error: {message}", file=sys.stderr)
