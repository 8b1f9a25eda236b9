"""The store in memory: what makes way for what."""

import pytest

from inference_edge_cache.gateway.store import Result, StoreFailed
from inference_edge_cache.gateway.stores.memory import ENTRY_BYTES, MemoryStore


def result_of(size: int) -> Result:
    return Result(b"x" * size, "application/json", 0)


def test_what_was_used_longest_ago_makes_way(paths):
    store = MemoryStore(max_bytes=3 * (1000 + ENTRY_BYTES))
    for number in (1, 2, 3):
        store.put(paths(number), result_of(1000), "no-store")
    assert store.get(paths(1)) is not None
    store.put(paths(4), result_of(1000), "no-store")
    assert [number for number in (1, 2, 3, 4) if store.get(paths(number)) is not None] == [1, 3, 4]


def test_a_large_one_makes_several_small_ones_go(paths):
    store = MemoryStore(max_bytes=3 * (1000 + ENTRY_BYTES))
    for number in (1, 2, 3):
        store.put(paths(number), result_of(1000), "no-store")
    store.put(paths(4), result_of(2 * 1000 + ENTRY_BYTES), "no-store")
    assert [number for number in (1, 2, 3, 4) if store.get(paths(number)) is not None] == [3, 4]


def test_empty_results_have_a_bound_too(paths):
    store = MemoryStore(max_bytes=10 * ENTRY_BYTES)
    for number in range(100):
        store.put(paths(number), result_of(0), "no-store")
    assert [number for number in range(100) if store.get(paths(number)) is not None] == [*range(90, 100)]


def test_what_is_larger_than_the_store_is_refused_and_nothing_makes_way(paths):
    store = MemoryStore(max_bytes=1000 + ENTRY_BYTES)
    there = store.put(paths(1), result_of(1000), "no-store")
    with pytest.raises(StoreFailed, match="larger than the store"):
        store.put(paths(2), result_of(1001), "no-store")
    with pytest.raises(StoreFailed, match="larger than the store"):
        store.put(paths(1), result_of(1001), "no-store", replaces=there.version)
    assert store.get(paths(1)) == there


def test_a_version_does_not_come_back(path, paths):
    store = MemoryStore(max_bytes=1000 + ENTRY_BYTES)
    first = store.put(path, result_of(1000), "no-store")
    store.put(paths(2), result_of(1000), "no-store")
    assert store.put(path, result_of(10), "no-store", replaces=first.version) is None
    again = store.put(path, result_of(1000), "no-store")
    assert again.version != first.version
    assert store.put(path, result_of(10), "no-store", replaces=first.version) is None


@pytest.mark.usefixtures("restless_threads")
def test_one_of_the_threads_that_put_one_path_wins_each_time(run_together, paths):
    store = MemoryStore()
    for number in range(100):
        puts = [lambda number=number: store.put(paths(number), result_of(10), "no-store") is not None] * 8
        assert sum(run_together(*puts)) == 1


@pytest.mark.parametrize("max_bytes", [0, -1, ENTRY_BYTES])
def test_a_store_without_room_for_anything_is_refused(max_bytes):
    with pytest.raises(ValueError, match="max_bytes"):
        MemoryStore(max_bytes=max_bytes)
