"""Results in a folder of this machine, in files that lie like the paths: for the local edge, and a gateway without a
cloud."""

import errno
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from inference_edge_cache.gateway.needs import require
from inference_edge_cache.gateway.store import Damaged, Result, Stored, StoreFailed
from inference_edge_cache.gateway.stores.labels import FORMAT, check_headers, object_name

FOLDER_MODE = 0o700
FILE_MODE = 0o600
PIECE = 128
"""Characters of a path's segment in one file name. File systems end at 255 bytes (limits.h(0P), NAME_MAX), with
encrypted names at 143 (docs.kernel.org/filesystems/ecryptfs.html)."""
ABANDONED_AFTER = 3600
"""Seconds after which nobody is still writing a file."""
LOCK_SECONDS = 5

_MARK = f"inference-edge-cache/{FORMAT} ".encode("ascii")
_UNFINISHED = "~unfinished"
_LOCK = "~lock"
"""No segment of a path starts with a tilde and goes on, so these names are nobody's."""
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


class FolderStore:
    """Files under ``folder``, which is made when the first result comes. Nothing here removes a result.

    A file is three things: the SHA-256 of what follows, one line of JSON, the body. So a file says itself whether it is
    whole, and its metadata are never those of another body. It is written aside and then gets its name in one step:
    a process that ends at any point leaves a file without a name at worst, which the next store removes after an hour.

    The version is that SHA-256; every write has its own. Files are readable to their owner alone. Several processes
    may share the folder, on one machine.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        require("filelock", "a store in a folder")
        self._root = Path(os.path.abspath(folder))
        self._unfinished = self._root / _UNFINISHED
        self._remove_abandoned()

    def get(self, path: str) -> Stored | Damaged | None:
        file = self._file(path)
        with _asking():
            return _read(file)

    def put(self, path: str, result: Result, cache_control: str, replaces: str | None = None) -> Stored | None:
        file = self._file(path)
        check_headers(result, cache_control)
        content, stored = _encode(result, cache_control)
        with _asking(), self._written_aside(content) as aside:
            _make_folder(file.parent)
            done = self._create(aside, file) if replaces is None else self._replace(aside, file, replaces)
        return stored if done else None

    def _file(self, path: str) -> Path:
        """Where ``path`` lies. The protocol lets no dot segment through, and nothing else that would leave the folder.

        A segment that is too long for a name is cut; a tilde, which no segment has, says that it goes on inside.
        """
        names = [
            segment[start : start + PIECE] + ("~" if start + PIECE < len(segment) else "")
            for segment in object_name(path).split("/")
            for start in range(0, len(segment), PIECE)
        ]
        return self._root.joinpath(*names)

    def _create(self, aside: Path, file: Path) -> bool:
        """A link is made only if the name is free (link(2)), so whoever makes it was first."""
        try:
            os.link(aside, file)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            with self._locked():
                if os.path.lexists(file):
                    return False
                os.replace(aside, file)
        return True

    def _replace(self, aside: Path, file: Path, replaces: str) -> bool:
        with self._locked():
            there = _read(file)
            if there is None or there.version != replaces:
                return False
            os.replace(aside, file)
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One lock for the folder: it is held for a look and a rename, and only where a link would not do."""
        from filelock import FileLock

        with FileLock(self._root / _LOCK, timeout=LOCK_SECONDS, mode=FILE_MODE):
            yield

    @contextmanager
    def _written_aside(self, content: bytes) -> Iterator[Path]:
        """A file with ``content`` in the same file system. What is left of it afterwards is removed."""
        _make_folder(self._unfinished)
        aside = self._unfinished / secrets.token_hex(16)
        try:
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
                file.write(content)
            yield aside
        finally:
            aside.unlink(missing_ok=True)

    def _remove_abandoned(self) -> None:
        with suppress(OSError):
            for entry in os.scandir(self._unfinished):
                with suppress(OSError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > ABANDONED_AFTER:
                        os.unlink(entry.path)


def _encode(result: Result, cache_control: str) -> tuple[bytes, Stored]:
    etag, last_modified = f'"{sha256(result.body).hexdigest()}"', int(time.time())
    header = {
        "content-type": result.content_type,
        "cache-control": cache_control,
        "produced-at": result.produced_at,
        "last-modified": last_modified,
        "etag": etag,
        "written": secrets.token_hex(16),  # two writes differ, even if they write the same
    }
    rest = json.dumps(header).encode("ascii") + b"\n" + result.body
    version = sha256(rest).hexdigest()
    return _MARK + version.encode("ascii") + b"\n" + rest, Stored(result, etag, last_modified, version)


def _read(file: Path) -> Stored | Damaged | None:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    return _decode(content)


def _decode(content: bytes) -> Stored | Damaged:
    mark, _, rest = content.partition(b"\n")
    version = sha256(rest).hexdigest()
    if mark != _MARK + version.encode("ascii"):
        return Damaged(sha256(content).hexdigest())
    line, _, body = rest.partition(b"\n")
    with suppress(ValueError, RecursionError):
        match json.loads(line):
            case {
                "content-type": str(content_type),
                "produced-at": int(produced_at),
                "etag": str(etag),
                "last-modified": int(last_modified),
            }:
                return Stored(Result(body, content_type, produced_at), etag, last_modified, version)
    return Damaged(sha256(content).hexdigest())  # whole, and yet not written here


def _make_folder(folder: Path) -> None:
    """``folder`` and what is missing above it, each for its owner alone (``mkdir(parents=True)`` does that to one)."""
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(FOLDER_MODE, exist_ok=True)


@contextmanager
def _asking() -> Iterator[None]:
    """Whatever the file system refuses is ``StoreFailed``, by its name: its message holds the file's name."""
    try:
        yield
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise StoreFailed(f"folder: {name}") from None
