"""What of a file of requests is done, so that a run that was cut short can go on: a digest in a line, nothing else."""

import re
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from inference_edge_cache.errors import EdgeCacheError

_DIGEST = re.compile(rb"[0-9a-f]{64}")
_LAST = re.compile(rb"[0-9a-f]{0,64}")  # what a crash left of the last line: mostly nothing


class Journal:
    """The file at ``path``, made when the first request is done; ``done`` is what was done before.

    Each entry is written at once. One that was cut short by a crash is no entry: its request is sent again. Raises
    ``EdgeCacheError`` for a file that is something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        try:
            written = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise EdgeCacheError(f"{path}: {error.strerror}") from error
        *entries, last = written.split(b"\n")
        if not (all(map(_DIGEST.fullmatch, entries)) and _LAST.fullmatch(last)):
            raise EdgeCacheError(f"{path}: is no journal of this command; name another file with --journal")
        self.done = {entry.decode() for entry in entries}
        self._cut_at = len(written) - len(last) if last else None

    def add(self, digest: str) -> None:
        """Note that a request is done. Raises ``EdgeCacheError`` when that cannot be written."""
        try:
            if self._file is None:
                self._file = self._path.open("ab")
                if self._cut_at is not None:
                    self._file.truncate(self._cut_at)
            self._file.write(f"{digest}\n".encode())
            self._file.flush()
        except OSError as error:
            raise EdgeCacheError(f"{self._path}: {error.strerror}") from error
        self.done.add(digest)

    def forget(self) -> None:
        """Remove it: there is nothing left to go on with."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
