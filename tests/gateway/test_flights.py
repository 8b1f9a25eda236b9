"""Flights by themselves: who boards which, what they bring, and how they end."""

import threading

import pytest
from crowd_kit import LONG, at_once, threads

from inference_edge_cache.gateway.flights import Flight, Flights, Head, Landing
from inference_edge_cache.gateway.messages import Deadline
from inference_edge_cache.gateway.model import ModelFailed
from inference_edge_cache.gateway.store import Result, Stored

HEAD = Head(200, (("content-type", "text/event-stream"),))
LANDED = Landing(stored=Stored(Result(b"4", "application/json", 1), '"e"', 1, "v"), status=200)
FAILED = Landing(failure=ModelFailed(502, "the model did not answer"))


def soon():
    return Deadline.after(LONG)


def too_late():
    return Deadline.after(0)


class Trip:
    """A trip that a test takes step by step."""

    def __init__(self, landing=LANDED):
        self.landing, self.go = landing, threading.Event()
        self.flights = []
        self.began = threading.Semaphore(0)

    def __call__(self, flight):
        self.flights.append(flight)
        self.began.release()
        assert self.go.wait(LONG)
        return self.landing

    @property
    def count(self):
        return len(self.flights)


def gone(landing=LANDED):
    trip = Trip(landing)
    trip.go.set()
    return trip


# --- Boarding ---------------------------------------------------------------------------------------------------------


def test_the_first_leads_and_the_others_board_the_same_flight():
    flights, trip = Flights(), Trip()
    first, leads = flights.join("/a", trip)
    assert leads
    assert [flights.join("/a", trip) for _ in range(3)] == [(first, False)] * 3
    trip.go.set()
    assert first.landed(soon()) == LANDED
    assert trip.flights == [first]


def test_of_many_at_once_one_leads():
    flights, trip = Flights(), Trip()
    boarded = at_once(*[lambda: flights.join("/a", trip)] * 50)
    trip.go.set()
    assert len({flight for flight, _ in boarded}) == 1
    assert [leads for _, leads in boarded].count(True) == 1
    assert boarded[0][0].landed(soon()) == LANDED
    assert trip.count == 1


def test_another_path_is_another_flight_and_waits_for_nobody():
    flights, slow = Flights(), Trip()
    flights.join("/slow", slow)
    other, leads = flights.join("/quick", gone())
    assert leads
    assert other.landed(soon()) == LANDED
    slow.go.set()


def test_after_the_landing_the_next_one_leads_anew():
    flights = Flights()
    first, _ = flights.join("/a", gone())
    first.landed(soon())
    second, leads = flights.join("/a", gone(FAILED))
    assert leads
    assert second is not first
    assert (first.landed(soon()), second.landed(soon())) == (LANDED, FAILED)


def test_a_flight_alone_is_boarded_by_nobody_and_keeps_nobody_from_boarding():
    flights, alone, shared = Flights(), Trip(), Trip()
    flight = flights.alone(alone)
    other, leads = flights.join("/a", shared)
    assert leads
    assert other is not flight
    assert flights.alone(shared) is not flight
    alone.go.set()
    shared.go.set()
    assert {flight.landed(soon()), other.landed(soon())} == {LANDED}


def test_a_flight_alone_ends_no_other_one():
    flights, trip = Flights(), Trip()
    flight, _ = flights.join("/a", trip)
    flights.alone(gone()).landed(soon())
    assert flights.join("/a", trip) == (flight, False)
    trip.go.set()


# --- Landing ----------------------------------------------------------------------------------------------------------


def test_everyone_who_waits_is_told_of_the_landing():
    flights, trip = Flights(), Trip()
    flight, _ = flights.join("/a", trip)
    with threads(20) as pool:
        waiting = [pool.submit(flight.landed, soon()) for _ in range(20)]
        trip.go.set()
        assert {each.result(LONG) for each in waiting} == {LANDED}


@pytest.mark.parametrize("wait", ["landed", "begun"])
def test_who_asks_after_the_landing_is_told_at_once(wait):
    flight = Flight()
    flight.land(FAILED)
    assert getattr(flight, wait)(too_late()) is FAILED


def test_a_landing_is_no_error_until_somebody_wants_the_body():
    flights = Flights()
    flight, _ = flights.join("/a", gone(FAILED))
    assert flight.landed(soon()) is FAILED
    with pytest.raises(ModelFailed, match="the model did not answer"):
        list(flight.chunks(soon()))


def test_a_trip_that_raises_has_landed_all_the_same(monkeypatch):
    """Trips do not raise. Should one do, nobody waits for it forever, and the path is free."""
    seen = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    flights, go = Flights(), threading.Event()

    def raising(_):
        assert go.wait(LONG)
        raise SystemError("a bug")

    flight, _ = flights.join("/a", raising)
    go.set()
    landing = flight.landed(soon())
    assert landing.failure
    assert (landing.failure.status, str(landing.failure)) == (500, "the gateway failed")
    assert flights.join("/a", gone())[1] is True


@pytest.mark.parametrize("alone", [True, False])
def test_without_a_thread_a_flight_ends_before_it_begins(monkeypatch, alone):
    flights, never = Flights(), Trip()

    def refused(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        flight = flights.alone(never) if alone else flights.join("/a", never)[0]
    landing = flight.landed(too_late())
    assert landing.failure
    assert landing.failure.status == 503
    assert (never.count, flights.landings) == (0, 1)
    assert flights.join("/a", gone())[1] is True


# --- What has landed since --------------------------------------------------------------------------------------------


def test_landings_count_every_end_of_a_trip():
    flights = Flights()
    assert flights.landings == 0
    for number, landing in enumerate((LANDED, FAILED, Landing(status=500)), start=1):
        flights.join("/a", gone(landing))[0].landed(soon())
        assert flights.landings == number
    flights.alone(gone()).landed(soon())
    assert flights.landings == 4


def test_landings_do_not_change_while_nobody_lands():
    flights, trip = Flights(), Trip()
    flight, _ = flights.join("/a", trip)
    flights.join("/a", trip)
    assert trip.began.acquire(timeout=LONG)
    assert flights.landings == 0
    trip.go.set()
    flight.landed(soon())
    assert flights.landings == 1


def test_whoever_leads_after_another_one_landed_sees_it_in_the_count():
    """So that a look into the store from before it is made again: not one trip ends unseen."""
    flights, stored, misses = Flights(), [], []

    def asks(number):
        seen = flights.landings
        if stored:  # a look into the store
            return

        def trip(_):
            if flights.landings != seen and stored:
                return LANDED
            misses.append(number)
            stored.append(number)
            return LANDED

        flights.join("/a", trip)[0].landed(soon())

    at_once(*(lambda number=number: asks(number) for number in range(40)))
    assert len(misses) == 1


# --- The body as it comes ---------------------------------------------------------------------------------------------


def test_chunks_come_as_they_are_added_and_end_with_the_landing():
    flight = Flight()
    chunks = flight.chunks(soon())
    flight.begin(HEAD)
    flight.add(b"a")
    assert next(chunks) == b"a"
    flight.add(b"b")
    flight.add(b"c")
    assert [next(chunks), next(chunks)] == [b"b", b"c"]
    flight.land(LANDED)
    assert list(chunks) == []


def test_who_comes_late_gets_the_body_from_its_start():
    flight = Flight()
    flight.begin(HEAD)
    flight.add(b"a")
    early, late = flight.chunks(soon()), flight.chunks(soon())
    assert next(early) == b"a"
    flight.add(b"b")
    assert [next(late), next(late)] == [b"a", b"b"]
    flight.land(LANDED)
    assert [list(early), list(late), list(flight.chunks(too_late()))] == [[b"b"], [], [b"a", b"b"]]


def test_many_read_one_body_each_at_their_own_pace():
    flight, pieces = Flight(), [bytes([number]) * 3 for number in range(100)]
    with threads(20) as pool:
        readers = [pool.submit(lambda: b"".join(flight.chunks(soon()))) for _ in range(20)]
        flight.begin(HEAD)
        for piece in pieces:
            flight.add(piece)
        flight.land(LANDED)
        assert {reader.result(LONG) for reader in readers} == {b"".join(pieces)}


def test_who_leaves_a_body_in_the_middle_takes_nothing_from_the_others():
    flight = Flight()
    flight.begin(HEAD)
    flight.add(b"a")
    leaves, stays = flight.chunks(soon()), flight.chunks(soon())
    assert next(leaves) == b"a"
    leaves.close()
    flight.add(b"b")
    flight.land(LANDED)
    assert list(stays) == [b"a", b"b"]


def test_a_body_that_breaks_off_gives_what_came_and_then_the_failure():
    flight = Flight()
    flight.begin(HEAD)
    flight.add(b"a")
    flight.land(FAILED)
    chunks = flight.chunks(too_late())
    assert next(chunks) == b"a"
    with pytest.raises(ModelFailed, match="the model did not answer"):
        next(chunks)


def test_a_head_counts_from_the_first_chunk_on():
    """Until then it can still become a 502."""
    flight = Flight()
    flight.begin(HEAD)
    with pytest.raises(ModelFailed):
        flight.begun(too_late())
    flight.add(b"a")
    assert flight.begun(too_late()) is HEAD


def test_a_body_without_a_chunk_has_landed_and_not_begun():
    flight = Flight()
    flight.begin(HEAD)
    flight.land(FAILED)
    assert flight.begun(soon()) is FAILED


def test_after_the_landing_there_is_no_head_any_more():
    """What is whole, and stored, need not be relayed."""
    flight = Flight()
    flight.begin(HEAD)
    flight.add(b"a")
    flight.land(LANDED)
    assert flight.begun(soon()) is LANDED


# --- Deadlines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wait", [Flight.landed, Flight.begun, lambda flight, by: next(flight.chunks(by))])
def test_a_deadline_ends_the_wait_and_not_the_flight(wait):
    flights, trip = Flights(), Trip()
    flight, _ = flights.join("/a", trip)
    with pytest.raises(ModelFailed) as failed:
        wait(flight, too_late())
    assert failed.value.status == 504
    assert flights.join("/a", trip) == (flight, False)
    trip.go.set()
    assert flight.landed(soon()) == LANDED


def test_a_deadline_in_the_middle_of_a_body_breaks_it_off():
    now = [0.0]
    flight, by = Flight(), Deadline.after(10, clock=lambda: now[0])
    flight.begin(HEAD)
    flight.add(b"a")
    chunks = flight.chunks(by)
    assert next(chunks) == b"a"
    now[0] = 10.0
    with pytest.raises(ModelFailed) as failed:
        next(chunks)
    assert failed.value.status == 504


def test_what_has_come_is_given_even_when_time_is_up():
    flight = Flight()
    flight.begin(HEAD)
    flight.add(b"a")
    chunks = flight.chunks(too_late())
    assert next(chunks) == b"a"
    flight.add(b"b")
    assert next(chunks) == b"b"
    flight.land(LANDED)
    assert list(chunks) == []


def test_each_of_those_who_wait_has_a_deadline_of_their_own():
    flights, trip = Flights(), Trip()
    flight, _ = flights.join("/a", trip)
    with threads(1) as pool:
        patient = pool.submit(flight.landed, soon())
        with pytest.raises(ModelFailed):
            flight.landed(too_late())
        assert not patient.done()
        trip.go.set()
        assert patient.result(LONG) == LANDED


# --- What is printed --------------------------------------------------------------------------------------------------


def test_neither_headers_nor_bodies_are_printed():
    landing = Landing(status=200, headers=(("x-request-id", "of-alice"),), body=b"of-alice")
    assert "of-alice" not in repr(landing) + repr(Head(200, (("x-request-id", "of-alice"),)))
