"""The edge's store: hishel keeps answers and decides what is fresh, from headers written by our own rules.

hishel follows RFC 9111, the clouds follow their own pages. So before hishel sees an answer, its Cache-Control becomes
the TTL that the cloud's rules give it and its Date becomes now; the originals travel along under names of our own
and are put back when the answer is served.
"""

import os
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import anysqlite
import hishel

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.local.errors import LocalEdgeError
from inference_edge_cache.local.forward import Pairs

_OPTIONS = hishel.CacheOptions(shared=True, supported_methods=["GET", "HEAD"], allow_stale=False)
_TABLES = {"entries", "streams"}
_ORIGINAL = "inference-edge-cache-original-"

Unfound = hishel.NeedRevalidation | hishel.CacheMiss
Found = hishel.FromCache | Unfound
Settled = hishel.FromCache | hishel.CacheMiss | hishel.StoreAndUse | hishel.CouldNotBeStored


def check_store(path: Path) -> None:
    """Raises ``LocalEdgeError`` unless ``path`` is, or can become, a store. Creates nothing."""
    if not path.exists():
        if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
            raise LocalEdgeError(f"{path}: cannot be a store: {path.parent} is no directory that can be written to")
        return
    try:
        with sqlite3.connect(path) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        connection.close()
    except sqlite3.Error as error:
        raise LocalEdgeError(f"{path}: cannot be a store: {error}") from error
    if tables and tables != _TABLES:
        raise LocalEdgeError(f"{path}: is a database of something else; name a new file")


class Store:
    """Answers by key. One per running edge; ``close`` it."""

    def __init__(self, storage: hishel.AsyncBaseStorage, cloud: Cloud) -> None:
        self._storage = storage
        # CloudFront makes no variants of an answer: what its key does not hold does not count, whatever Vary says.
        self._rewritten = ("cache-control", "date", "vary") if cloud is Cloud.AWS else ("cache-control", "date")

    @classmethod
    @asynccontextmanager
    async def opened(cls, path: Path, cloud: Cloud) -> AsyncIterator["Store"]:
        # A connection of our own: given a path, hishel would write a .gitignore beside the file.
        storage = hishel.AsyncSqliteStorage(connection=await anysqlite.connect(str(path), isolation_level=None))
        try:
            yield cls(storage, cloud)
        finally:
            await storage.close()

    async def look_up(self, key: str, method: str, headers: Pairs) -> Found:
        """A fresh answer, a stale one that the origin can confirm, or a miss."""
        request = hishel.Request(method, _url(key), grouped(headers))
        entries = [entry for entry in await self._storage.get_entries(key) if _same_variant(request, entry)]
        return hishel.IdleClient(_OPTIONS).next(request, entries)

    def rewritten(self, headers: Pairs, seconds: int, now: float) -> hishel.Headers:
        """``headers`` as hishel is to see them: kept for ``seconds`` from ``now``, without cookies and Age."""
        pairs = [(name, value) for name, value in headers if name not in ("age", "set-cookie")]
        kept = [(f"{_ORIGINAL}{name}" if name in self._rewritten else name, value) for name, value in pairs]
        ttl = f"s-maxage={seconds}" if seconds else "no-store, s-maxage=0"
        return grouped([*kept, ("cache-control", ttl), ("date", formatdate(now, usegmt=True))])

    def original(self, headers: hishel.Headers) -> Pairs:
        """Stored headers as the origin sent them."""
        return [
            (name.removeprefix(_ORIGINAL), value)
            for name, value in ungrouped(headers)
            if name not in self._rewritten and name != "age"
        ]

    async def settle(self, state: hishel.AnyState) -> Settled:
        """Do what hishel makes of an answer, up to where the answer is served."""
        while isinstance(state, hishel.InvalidateEntries | hishel.NeedToBeUpdated):
            if isinstance(state, hishel.InvalidateEntries):
                for entry_id in state.entry_ids:
                    await self._storage.remove_entry(entry_id)
            else:
                for entry in state.updating_entries:
                    await self._storage.update_headers(entry.id, entry.response.headers)
            state = state.next()
        assert not isinstance(state, hishel.IdleClient | hishel.NeedRevalidation)
        return state

    async def keep(self, key: str, request: hishel.Request, response: hishel.Response) -> AsyncGenerator[bytes, None]:
        """Store ``response``. Its body is stored while the returned chunks are read, and counts once they are."""
        varied = {name.strip().lower() for name in response.headers.get("vary", "").split(",")}
        told = grouped((name, value) for name, value in ungrouped(request.headers) if name in varied)
        entry = await self._storage.create_entry(replace(request, headers=told), response, key)
        return body_of(entry.response)


def kept_for(headers: hishel.Headers) -> int:
    """The TTL that ``rewritten`` gave a stored answer."""
    return int(headers["cache-control"].rpartition("=")[2])


def body_of(response: hishel.Response) -> AsyncGenerator[bytes, None]:
    assert isinstance(response.stream, AsyncGenerator)
    return response.stream


def grouped(pairs: Iterable[tuple[str, str]]) -> hishel.Headers:
    """Header pairs as hishel holds them: repeated ones kept apart."""
    by_name: dict[str, list[str]] = {}
    for name, value in pairs:
        by_name.setdefault(name, []).append(value)
    return hishel.Headers({**by_name})


def ungrouped(headers: hishel.Headers) -> Pairs:
    return [(name, value) for name in headers for value in headers.get_list(name) or []]


def _url(key: str) -> str:
    """hishel compares URLs; ours says no more than the key, so that no prompt is written down outside an answer."""
    return f"edge:{key}"


def _same_variant(request: hishel.Request, entry: hishel.Entry) -> bool:
    varied = [name.strip() for name in entry.response.headers.get("vary", "").split(",")]
    return all(request.headers.get(name) == entry.request.headers.get(name) for name in varied if name)
