"""Waiting for another caller's trip to the origin."""

import pytest

from inference_edge_cache.local.collapse import Fetch


@pytest.mark.asyncio
@pytest.mark.parametrize("outcome", [True, False])
async def test_those_who_wait_learn_whether_the_answer_was_stored(outcome):
    under_way = {}
    fetch = Fetch(under_way, "key")
    assert under_way == {"key": fetch}
    fetch.done(stored=outcome)
    assert under_way == {}
    assert await fetch.stored(patience=10) is outcome


@pytest.mark.asyncio
async def test_the_first_outcome_counts():
    fetch = Fetch({}, "key")
    fetch.done(stored=False)
    fetch.done(stored=True)
    assert await fetch.stored(patience=10) is False


@pytest.mark.asyncio
async def test_nobody_waits_for_ever_and_giving_up_disturbs_nobody_else():
    under_way = {}
    fetch = Fetch(under_way, "key")
    assert await fetch.stored(patience=0) is False
    assert under_way == {"key": fetch}
    fetch.done(stored=True)
    assert await fetch.stored(patience=10) is True


@pytest.mark.asyncio
async def test_an_outcome_does_not_remove_a_later_trip_for_the_same_key():
    under_way = {}
    fetch = Fetch(under_way, "key")
    fetch.done(stored=True)
    later = Fetch(under_way, "key")
    fetch.done(stored=True)
    assert under_way == {"key": later}
