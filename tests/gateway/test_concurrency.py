"""Many who ask at once: the model runs once for all who may share its answer, and nobody waits for a stranger."""

import asyncio
import threading
from collections import Counter

import h11
import pytest
from crowd_kit import LONG, Boarding, Call, at_once, crowd, gathered, served, threads
from gateway_kit import SSE, answering, chat_answer, failing_after, pausing
from proof_kit import Ask, chat, chunk, digesting, events, numbering, proof

from inference_edge_cache.gateway.doors.asgi import gateway_asgi
from inference_edge_cache.gateway.flights import Flights
from inference_edge_cache.gateway.messages import Deadline, Request
from inference_edge_cache.gateway.model import ModelFailed
from inference_edge_cache.gateway.store import StoreFailed
from inference_edge_cache.gateway.stores.folder import FolderStore
from inference_edge_cache.gateway.stores.memory import MemoryStore
from inference_edge_cache.protocol import encode_payload

STREAM = events(*(chunk({"content": f"piece {number}, "}) for number in range(20)), chunk({}, "stop"))
REFRESH = (("inference-cache", "refresh"),)


@pytest.fixture
def boarding(monkeypatch):
    return Boarding.watched(monkeypatch)


def app_of(at):
    return gateway_asgi(at.gateway, timeout=LONG, max_body_bytes=2**20)


def get_call(at, ask):
    preimage = at.preimage(ask)
    return Call("GET", at.place(preimage, ask.tenant), {"inference-payload": encode_payload(preimage)})


def post_call(at, ask):
    lines = {"authorization": f"Bearer {at.key(ask.tenant)}", "content-type": "application/json", **dict(ask.headers)}
    return Call("POST", ask.route, lines, ask.body)


def status_of(answer):
    headers = answer.headers if isinstance(answer.headers, dict) else dict(answer.headers)
    return headers["cache-status"].removeprefix("inference-edge-cache;")


def after(gate, script):
    """A model that answers once ``gate`` returns."""

    def gated(request):
        gate()
        return script(request)

    return gated


def in_turn(*scripts):
    """A model that goes by one script after the other, and by the last one from then on."""
    lock, left = threading.Lock(), list(scripts)

    def script(request):
        with lock:
            each = left.pop(0) if len(left) > 1 else left[0]
        return each(request)

    return script


# --- One answer for all -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [[get_call], [post_call], [get_call, post_call]], ids=["GET", "POST", "both"])
def test_200_identical_requests_run_the_model_once(boarding, kinds):
    at = proof()
    at.model.script = after(lambda: boarding.wait_for(200), numbering())
    ask = Ask(chat())
    calls = [kinds[number % len(kinds)](at, ask) for number in range(200)]
    with served(app_of(at)) as address:
        answers = crowd(address, calls)
    assert len(at.model.asked) == 1
    assert {answer.status for answer in answers} == {200}
    assert len({(answer.body, answer.headers["etag"]) for answer in answers}) == 1
    assert Counter(map(status_of, answers)) == {
        "fwd=uri-miss;fwd-status=200;stored": 1,
        "fwd=uri-miss;fwd-status=200;collapsed": 199,
    }


def test_200_identical_requests_that_come_as_they_come_run_the_model_once():
    """Some join, some find it stored, and some have looked too early and board too late."""
    at = proof(numbering())
    with served(app_of(at)) as address:
        answers = crowd(address, [get_call(at, Ask(chat()))] * 200)
    assert len(at.model.asked) == 1
    assert len({answer.body for answer in answers}) == 1


def test_200_identical_streams_run_the_model_once(boarding):
    at = proof()
    at.model.script = after(lambda: boarding.wait_for(200), answering(200, STREAM, SSE))
    with served(app_of(at)) as address:
        answers = crowd(address, [post_call(at, Ask(chat(stream=True)))] * 200)
    assert len(at.model.asked) == 1
    assert {answer.body for answer in answers} == {b"".join(STREAM)}


def test_who_has_looked_before_an_answer_was_stored_and_boards_after_it_finds_it(monkeypatch):
    at, looked, landed = proof(numbering()), threading.Event(), threading.Event()
    join = Flights.join

    def late(self, path, trip):
        looked.set()
        assert landed.wait(LONG)
        return join(self, path, trip)

    monkeypatch.setattr(Flights, "join", late)
    with threads(1) as pool:
        second = pool.submit(at.ask, Ask(chat()))
        assert looked.wait(LONG)
        monkeypatch.setattr(Flights, "join", join)
        first = at.ask(Ask(chat()))
        landed.set()
        assert second.result(LONG).body == first.body
    assert len(at.model.asked) == 1
    assert status_of(second.result()) == "hit;ttl=86400"


def test_what_may_not_be_shared_is_not(boarding):
    """Each of 30 identical requests has its own sample: the model is asked by all of them before it answers one."""
    together = threading.Barrier(30)
    at = proof()
    at.model.script = after(lambda: together.wait(LONG), numbering())
    for ask in (Ask(chat(temperature=1)), Ask(chat(), headers=(("inference-cache", "bypass"),))):
        with served(app_of(at)) as address:
            answers = crowd(address, [post_call(at, ask)] * 30)
        assert len({answer.body for answer in answers}) == 30
    assert at.store.written == {}


def test_two_tenants_do_not_share_a_flight():
    together = threading.Barrier(2)
    at = proof()
    at.model.script = after(lambda: together.wait(LONG), numbering())
    answers = at_once(*(lambda it=it: at.ask(Ask(chat(), tenant=it)) for it in ("alice", "bob")))
    assert len({answer.body for answer in answers}) == 2


def test_50_distinct_requests_do_not_wait_for_each_other():
    """The model answers none of them before it has been asked by all."""
    together = threading.Barrier(50)
    at = proof()
    at.model.script = after(lambda: together.wait(LONG), digesting)
    calls = [post_call(at, Ask(chat(f"question {number}"))) for number in range(50)]
    with served(app_of(at)) as address:
        answers = crowd(address, calls)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == len(at.model.asked) == len(at.store.written) == 50


def test_a_full_house_of_different_requests_each_gets_its_own():
    at = proof(digesting)
    asks = [Ask(chat(f"question {number % 40}")) for number in range(200)]
    calls = [(get_call if number % 3 else post_call)(at, ask) for number, ask in enumerate(asks)]
    with served(app_of(at)) as address:
        answers = crowd(address, calls)
    assert [answer.body for answer in answers] == [at.ask(ask).body for ask in asks]
    assert len(at.model.asked) == 40


# --- When the one who leads fails -------------------------------------------------------------------------------------

CUT = chat_answer("4", finish_reason="length")
ONLY_HALF = ModelFailed(502, "the model broke off")


def raising(error):
    def script(_):
        raise error

    return script


@pytest.mark.parametrize(
    ("failure", "status", "body"),
    [
        pytest.param(raising(ModelFailed(502, "the model did not answer")), 502, None, id="no answer"),
        pytest.param(raising(ModelFailed(504, "too late")), 504, None, id="too late"),
        pytest.param(raising(KeyError("a bug")), 500, None, id="a bug"),
        pytest.param(failing_after([chat_answer()[:20]], ONLY_HALF), 502, None, id="half an answer"),
        pytest.param(answering(500, b'{"error": 1}'), 500, b'{"error": 1}', id="an error"),
        pytest.param(answering(429, b"{}"), 429, b"{}", id="a limit"),
        pytest.param(answering(200, CUT), 200, CUT, id="cut short"),
    ],
)
@pytest.mark.parametrize("kind", [get_call, post_call], ids=["GET", "POST"])
def test_a_leader_who_fails_holds_nobody_back(boarding, kind, failure, status, body):
    """Each of the others asks by itself, and none gets what the leader got."""
    at = proof()
    at.model.script = in_turn(after(lambda: boarding.wait_for(40), failure), digesting)
    with served(app_of(at)) as address:
        answers = crowd(address, [kind(at, Ask(chat()))] * 40)
    right = at.ask(Ask(chat())).body
    wrong = [answer for answer in answers if answer.body != right]
    assert [answer.status for answer in wrong] == [status]
    assert wrong[0].headers["cache-control"] == "no-store"
    assert body is None or wrong[0].body == body
    assert {answer.status for answer in answers if answer.body == right} == {200}
    assert 2 <= len(at.model.asked) <= 40
    assert [result.body for result in at.store.written.values()] == [right]


def test_a_stream_that_fails_before_its_first_byte_holds_nobody_back(boarding):
    at = proof()
    at.model.script = in_turn(
        after(lambda: boarding.wait_for(40), failing_after([], ONLY_HALF, SSE)), answering(200, STREAM, SSE)
    )
    with served(app_of(at)) as address:
        answers = crowd(address, [post_call(at, Ask(chat(stream=True)))] * 40)
    assert Counter(answer.status for answer in answers) == {200: 39, 502: 1}
    assert {answer.body for answer in answers if answer.status == 200} == {b"".join(STREAM)}


def test_a_relayed_stream_that_breaks_off_looks_complete_to_nobody(boarding):
    go = threading.Event()
    at = proof()
    at.model.script = after(lambda: boarding.wait_for(20), pausing(STREAM, go, then=ONLY_HALF))

    async def scenario(address):
        callers = await gathered(address, [post_call(at, Ask(chat(stream=True)))] * 20)
        for caller in callers:
            caller.release()
        assert {await caller.first_piece() for caller in callers} == {STREAM[0]}
        go.set()
        ends = await asyncio.gather(*(caller.answer() for caller in callers), return_exceptions=True)
        assert {type(end) for end in ends} == {h11.RemoteProtocolError}

    with served(app_of(at)) as address:
        asyncio.run(scenario(address))
    assert at.store.written == {}


def test_who_has_no_time_left_leaves_alone(boarding):
    at, go = proof(), threading.Event()
    at.model.script = after(lambda: go.wait(LONG), digesting)
    request = Request(
        method=(call := get_call(at, Ask(chat()))).method, path=call.path, headers=tuple(call.headers.items())
    )
    with threads(1) as pool:
        patient = pool.submit(at.gateway.handle, request, Deadline.after(LONG))
        boarding.wait_for(1)
        assert at.gateway.handle(request, Deadline.after(0)).status == 504
        go.set()
        assert patient.result(LONG).status == 200
    assert len(at.model.asked) == 1


def test_when_there_are_no_more_threads_the_answer_is_503_and_nothing_is_left_over(monkeypatch):
    at = proof()
    start = threading.Thread.start

    def refused(self):
        if self.name == "inference-flight":
            raise RuntimeError("can't start new thread")
        start(self)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        for ask in (Ask(chat()), Ask(chat(), headers=REFRESH)):
            answer = at.ask(ask)
            assert (answer.status, answer.header("cache-control")) == (503, "no-store")
    assert at.ask(Ask(chat())).status == 200


# --- Callers who leave ------------------------------------------------------------------------------------------------


def test_when_half_of_them_leave_the_other_half_is_served_and_the_result_is_stored(boarding):
    go = threading.Event()
    at = proof()
    at.model.script = after(lambda: boarding.wait_for(40), pausing(STREAM, go))

    async def scenario(address):
        callers = await gathered(address, [post_call(at, Ask(chat(stream=True)))] * 40)
        for caller in callers:
            caller.release()
        assert {await caller.first_piece() for caller in callers} == {STREAM[0]}
        for caller in callers[::2]:
            caller.leave()
        go.set()
        return [await caller.rest() for caller in callers[1::2]]

    with served(app_of(at)) as address:
        rests = asyncio.run(scenario(address))
        again = crowd(address, [post_call(at, Ask(chat(stream=True)))])
    assert set(rests) == {b"".join(STREAM[1:])}
    assert again[0].body == b"".join(STREAM)
    assert "hit" in status_of(again[0])
    assert len(at.model.asked) == 1


@pytest.mark.parametrize("streams", [False, True], ids=["JSON", "stream"])
def test_when_all_of_them_leave_the_result_is_stored(boarding, streams):
    """The one who comes next does not pay for it again."""
    go, asked = threading.Event(), threading.Event()
    at = proof()
    at.model.script = in_turn(
        after(
            lambda: (boarding.wait_for(20), asked.set(), go.wait(LONG)),
            answering(200, STREAM, SSE) if streams else digesting,
        )
    )
    ask = Ask(chat(stream=streams))

    async def scenario(address):
        callers = await gathered(address, [post_call(at, ask)] * 20)
        for caller in callers:
            caller.release()
        assert await asyncio.to_thread(asked.wait, LONG)
        for caller in callers:
            caller.leave()
        go.set()

    with served(app_of(at)) as address:
        asyncio.run(scenario(address))
        again = crowd(address, [post_call(at, ask)])
    assert again[0].status == 200
    assert len(at.model.asked) == len(at.store.written) == 1


# --- Refreshes, and those who take only young answers -----------------------------------------------------------------


def test_a_refresh_does_not_board_what_is_under_way(boarding):
    """Neither does another refresh: each of the three asks the model before one of them is answered."""
    together = threading.Barrier(3)
    at = proof()
    at.model.script = after(lambda: together.wait(LONG), numbering())
    answers = at_once(*(lambda it=it: at.ask(Ask(chat(), headers=it)) for it in ((), REFRESH, REFRESH)))
    assert {answer.status for answer in answers} == {200}
    assert len(at.model.asked) == 3


def test_nobody_boards_a_refresh():
    together = threading.Barrier(2)
    at = proof(after(lambda: together.wait(LONG), numbering()))
    with threads(2) as pool:
        refresh = pool.submit(at.ask, Ask(chat(), headers=REFRESH))
        plain = pool.submit(at.ask, Ask(chat()))
        assert {refresh.result(LONG).status, plain.result(LONG).status} == {200}
    assert len(at.model.asked) == 2


def test_a_refresh_is_not_undone_by_what_was_under_way_before_it():
    """The model was asked for the other one first: it may be of the very state that the refresh is to replace."""
    at, asked, go, refreshing = proof(), threading.Event(), threading.Event(), threading.Event()
    old, new = chat_answer("old"), chat_answer("new")
    at.model.script = in_turn(
        after(lambda: (asked.set(), go.wait(LONG)), answering(200, old)),
        after(lambda: (refreshing.set(), plain.result(LONG)), answering(200, new)),
        raising(ModelFailed(502, "asked once too often")),
    )
    with threads(2) as pool:
        plain = pool.submit(at.ask, Ask(chat()))
        assert asked.wait(LONG)
        refresh = pool.submit(at.ask, Ask(chat(), headers=REFRESH))
        assert refreshing.wait(LONG)
        go.set()
        assert plain.result(LONG).body == old
        assert refresh.result(LONG).body == new
    assert at.ask(Ask(chat())).body == new


def test_who_takes_only_young_answers_gets_none_that_somebody_else_would_have_taken(boarding):
    """While the model of one gateway takes its time, another gateway has stored an answer, which then gets old."""
    store, asked, go = MemoryStore(), threading.Event(), threading.Event()
    here, there = proof(store=store), proof(answering(200, chat_answer("old")), store=store)
    here.model.script = in_turn(
        after(lambda: (asked.set(), go.wait(LONG)), answering(200, chat_answer("late"))),
        answering(200, chat_answer("new")),
    )
    with threads(2) as pool:
        leads = pool.submit(here.ask, Ask(chat()))
        assert asked.wait(LONG)
        there.ask(Ask(chat()))
        here.clock.seconds += 100
        follows = pool.submit(here.ask, Ask(chat(), headers=(("inference-cache-ttl", "60"),)))
        boarding.wait_for(3)
        go.set()
        assert leads.result(LONG).body == chat_answer("old")
        assert follows.result(LONG).body in (chat_answer("late"), chat_answer("new"))


# --- Stores that are slow, or down ------------------------------------------------------------------------------------


class Slow:
    """A store that keeps ``place`` waiting, in one of its two ways."""

    def __init__(self, place, way):
        self.inner, self.place, self.way = MemoryStore(), place, way
        self.waits, self.go = threading.Semaphore(0), threading.Event()

    def get(self, path):
        self._wait("get", path)
        return self.inner.get(path)

    def put(self, path, *rest):
        self._wait("put", path)
        return self.inner.put(path, *rest)

    def _wait(self, way, path):
        if (way, path) == (self.way, self.place):
            self.waits.release()
            assert self.go.wait(LONG)


@pytest.mark.parametrize("way", ["get", "put"])
def test_a_slow_object_keeps_no_other_one_waiting(boarding, way):
    at = proof()
    slow = at.store.inner = Slow(at.place(at.preimage(Ask(chat("slow")))), way)
    with threads(20) as pool:
        waiting = [pool.submit(at.ask, Ask(chat("slow"))) for _ in range(20)]
        for _ in range(20 if way == "get" else 1):
            assert slow.waits.acquire(timeout=LONG)
        if way == "put":
            boarding.wait_for(20)
        answers = at_once(*(lambda it=it: at.ask(Ask(chat(f"quick {it}"))) for it in range(20)))
        assert {answer.status for answer in answers} == {200}
        assert not any(each.done() for each in waiting)
        slow.go.set()
        assert len({each.result(LONG).body for each in waiting}) == 1
    assert len(at.model.asked) == 21


class Down:
    """A store that fails, always or every other time."""

    def __init__(self, *, fails):
        self.inner, self.fails, self.lock, self.calls = MemoryStore(), fails, threading.Lock(), 0

    def get(self, path):
        self._fail()
        return self.inner.get(path)

    def put(self, *all):
        self._fail()
        return self.inner.put(*all)

    def _fail(self):
        with self.lock:
            self.calls += 1
            calls = self.calls
        if self.fails(calls):
            raise StoreFailed("SlowDown")


@pytest.mark.parametrize("fails", [lambda _: True, lambda call: call % 2], ids=["always", "every other time"])
def test_a_store_that_fails_under_load_costs_model_calls_and_nothing_else(fails):
    at = proof(digesting, store=Down(fails=fails))
    asks = [Ask(chat(f"question {number % 5}")) for number in range(60)]
    with served(app_of(at)) as address:
        answers = crowd(address, [post_call(at, ask) for ask in asks])
    expected = proof(digesting)
    assert [(answer.status, answer.body) for answer in answers] == [(200, expected.ask(ask).body) for ask in asks]
    for answer in answers:
        kept = answer.headers["cache-control"] != "no-store"
        assert kept == ("etag" in answer.headers)
        assert kept or 'detail="the store is not available"' in answer.headers["cache-status"]


# --- Two gateways, one store ------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "folder"])
def shared(request, tmp_path):
    """A store as two processes have it: each its own, with one place behind them."""
    memory = MemoryStore()
    return lambda: memory if request.param == "memory" else FolderStore(tmp_path)


def test_of_two_gateways_one_is_first_and_both_serve_its_answer(shared):
    asked, go = threading.Event(), threading.Event()
    slow = proof(after(lambda: (asked.set(), go.wait(LONG)), answering(200, chat_answer("second"))), store=shared())
    quick = proof(answering(200, chat_answer("first")), store=shared())
    with threads(1) as pool:
        loses = pool.submit(slow.ask, Ask(chat()))
        assert asked.wait(LONG)
        first = quick.ask(Ask(chat()))
        go.set()
        second = loses.result(LONG)
    assert first.body == second.body == chat_answer("first")
    assert first.header("etag") == second.header("etag")
    assert slow.ask(Ask(chat())).body == quick.ask(Ask(chat())).body == chat_answer("first")


def test_however_two_gateways_race_there_is_one_answer(shared):
    """Each request is in both models at once."""
    rounds = 15
    together = [threading.Barrier(2) for _ in range(rounds)]

    def racing(name):
        return lambda request: (
            together[int(request.body.decode().partition("round ")[2].partition(".")[0])].wait(LONG),
            answering(200, chat_answer(name))(request),
        )[1]

    both = [proof(racing(name), store=shared()) for name in ("left", "right")]
    for number in range(rounds):
        ask = Ask(chat(f"round {number}."))
        answers = at_once(*(lambda at=at, ask=ask: at.ask(ask) for at in both for _ in range(4)))
        assert len({(answer.body, answer.header("etag")) for answer in answers}) == 1
        assert {at.fetch(ask).body for at in both} == {answers[0].body}
    assert [len(at.model.asked) for at in both] == [rounds] * 2


def test_an_answer_that_is_too_old_is_replaced_once(shared):
    both = [proof(store=shared()) for _ in range(2)]
    both[0].model.script = answering(200, chat_answer("old"))
    assert both[0].ask(Ask(chat())).body == chat_answer("old")
    together = threading.Barrier(2)
    for at, name in zip(both, ("left", "right"), strict=True):
        at.clock.seconds += 86_400
        at.model.script = after(lambda: together.wait(LONG), answering(200, chat_answer(name)))
    answers = at_once(*(lambda at=at: at.ask(Ask(chat())) for at in both))
    assert answers[0].body == answers[1].body in (chat_answer("left"), chat_answer("right"))
    assert {at.ask(Ask(chat())).body for at in both} == {answers[0].body}


def test_a_gateway_is_shared_by_threads_that_do_everything_at_once():
    """Reads, refreshes, bypasses and two tenants, over three questions: every answer is one to its own question."""
    together = threading.Barrier(60)
    at = proof()
    controls = ((), REFRESH, (("inference-cache", "bypass"),), (("inference-cache-ttl", "0"),))
    asks = [
        Ask(chat(f"question {number % 3}"), headers=controls[number % 4], tenant="ab"[number % 2])
        for number in range(60)
    ]

    def asked(ask):
        together.wait(LONG)
        return [at.ask(ask), at.fetch(Ask(ask.body, tenant=ask.tenant)), at.ask(ask)]

    with threads(60) as pool:
        results = list(pool.map(asked, asks))
    for ask, answers in zip(asks, results, strict=True):
        stored, passed = (proof().ask(each).body for each in (Ask(ask.body), Ask(ask.body, headers=controls[2])))
        right = passed if ask.headers == controls[2] else stored
        assert [answers[0].body, answers[2].body] == [right] * 2
        assert answers[1].body == stored
    assert len(at.store.written) == 6
