"""Results in the memory of one process: for tests, and for a local edge that is to leave nothing behind."""

import time
from hashlib import sha256
from itertools import count
from threading import Lock

from inference_edge_cache.gateway.store import Result, Stored, StoreFailed
from inference_edge_cache.gateway.stores.labels import check_headers, object_name

DEFAULT_MAX_BYTES = 256 * 1024 * 1024
ENTRY_BYTES = 1024
"""What an entry counts besides its body, so that small ones have a bound, too."""


class MemoryStore:
    """The results that were used last, up to ``max_bytes`` in all.

    No CDN reads this store: ``cache_control`` has no reader, and is checked like everywhere. A result that has no room
    even alone is ``StoreFailed``; the others stay. ``ValueError`` when ``max_bytes`` has no room for any.
    """

    def __init__(self, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        from cachetools import LRUCache

        if max_bytes <= ENTRY_BYTES:
            raise ValueError(f"max_bytes must be more than {ENTRY_BYTES}")
        self._kept: LRUCache[str, Stored] = LRUCache(max_bytes, getsizeof=_size)
        self._lock = Lock()
        self._versions = count()

    def get(self, path: str) -> Stored | None:
        name = object_name(path)
        with self._lock:
            return self._kept.get(name)

    def put(self, path: str, result: Result, cache_control: str, replaces: str | None = None) -> Stored | None:
        name = object_name(path)
        check_headers(result, cache_control)
        etag = f'"{sha256(result.body).hexdigest()}"'
        with self._lock:
            there = self._kept.get(name)
            if (None if there is None else there.version) != replaces:
                return None
            stored = Stored(result, etag, last_modified=int(time.time()), version=str(next(self._versions)))
            if _size(stored) > self._kept.maxsize:
                raise StoreFailed("memory: the result is larger than the store")
            self._kept[name] = stored
            return stored


def _size(stored: Stored) -> int:
    return len(stored.result.body) + ENTRY_BYTES
