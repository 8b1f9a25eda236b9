"""What an answer says of itself, and how a request is sent again: the client transport against an edge on a socket."""

import asyncio
import json
from collections import Counter

import httpx
import pytest
from client_kit import API_KEY, CONFIG, HANG_UP, HIT, MISS, ROUTE, Edge, Says, json_answer, problem

from inference_edge_cache.client import Served
from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.operations.journal import Journal
from inference_edge_cache.operations.requests_file import lines_of
from inference_edge_cache.operations.warm import Outcome, Report, outcome_of, warm
from inference_edge_cache.protocol.reasons import ANOTHER_WRITE, STORE_DOWN

STATUS = "inference-edge-cache; fwd=uri-miss; fwd-status=200"


@pytest.mark.parametrize(
    ("status", "cache_status", "served", "outcome"),
    [
        (200, "", Served("edge", "x-cache"), Outcome("hit", "edge")),
        (200, "", Served("bucket"), Outcome("hit", "bucket")),
        (200, "inference-edge-cache; hit", Served("store"), Outcome("hit", "store")),
        (200, f"{STATUS}; stored", Served("model", "uri-miss"), Outcome("stored")),
        (200, f"{STATUS}; collapsed", Served("model", "uri-miss"), Outcome("stored")),
        (200, f"{STATUS}; stored, edge; fwd=miss", Served("model", "uri-miss"), Outcome("stored")),
        (
            200,
            f'{STATUS}; detail="finish-reason: length"',
            Served("model"),
            Outcome("refused", "finish-reason: length"),
        ),
        # What is about the moment: the next run asks again.
        (200, f'{STATUS}; detail="{STORE_DOWN}"', Served("model"), Outcome("failed", STORE_DOWN)),
        (200, f'{STATUS}; detail="{ANOTHER_WRITE}"', Served("model"), Outcome("failed", ANOTHER_WRITE)),
        (200, f'{STATUS}; collapsed; detail="relayed-live"', Served("model"), Outcome("relayed")),
        (200, STATUS, Served("model", "uri-miss"), Outcome("refused", "unknown")),
        (200, "edge; fwd=miss", Served("model", "uri-miss"), Outcome("refused", "unknown")),
        (200, "???", Served("model", "uri-miss"), Outcome("refused", "unknown")),
        (200, f"{STATUS}; stored", Served("passed", "no-document"), Outcome("failed", "no-document")),
        (200, "", Served("passed", "no-route"), Outcome("refused", "no-route")),
        (200, "", Served("passed"), Outcome("refused", "unknown")),
        (400, "", Served("model", "uri-miss"), Outcome("failed", "400 from the model")),
        (502, "", Served("edge", "502"), Outcome("failed", "502 from the edge")),
        (413, "", Served("passed", "too large"), Outcome("failed", "413, too large")),
        (200, "", Served("passed", "x" * 500), Outcome("refused", "x" * 120)),
    ],
)
def test_what_an_answer_says_of_itself(status, cache_status, served, outcome):
    assert outcome_of(status, {"cache-status": cache_status}, served) == outcome


@pytest.fixture
def edge():
    edge = Edge()
    yield edge
    edge.close()


class Run:
    """One run over a file of requests."""

    def __init__(self, edge, folder) -> None:
        self.edge, self.folder = edge, folder
        self.pauses, self.report = [], Report()

    def __call__(self, *texts, concurrency=1, past_the_cdn=False):
        file = self.folder / "requests.jsonl"
        bodies = [{"model": "m", "temperature": 0, "messages": [{"role": "user", "content": text}]} for text in texts]
        file.write_text("".join(json.dumps({"route": ROUTE, "body": body}) + "\n" for body in bodies))

        async def pause(seconds):
            self.pauses.append(seconds)

        with Journal(self.folder / "journal") as journal:
            asyncio.run(
                warm(
                    lines_of(file, self.edge.url, CONFIG, API_KEY),
                    self.edge.url,
                    api_key=API_KEY.text,
                    concurrency=concurrency,
                    journal=journal,
                    past_the_cdn=past_the_cdn,
                    told=self.report.add,
                    pause=pause,
                )
            )
            return len(journal.done)


@pytest.fixture
def sent(edge, tmp_path):
    return Run(edge, tmp_path)


def in_turn(*answers):
    waiting = list(answers)
    return lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]


@pytest.mark.parametrize(("past_the_cdn", "seconds"), [(False, 130), (True, 3610)])
def test_an_answer_is_waited_for_as_long_as_it_may_take(edge, sent, monkeypatch, past_the_cdn, seconds):
    timeouts, client = [], httpx.AsyncClient

    def noted(**options):
        timeouts.append(options["timeout"])
        return client(**options)

    monkeypatch.setattr(httpx, "AsyncClient", noted)
    assert sent("one", past_the_cdn=past_the_cdn) == 1
    assert timeouts == [httpx.Timeout(seconds, connect=10)]


def test_requests_go_as_the_transport_sends_them(edge, sent):
    assert sent("one", "two") == 2
    assert edge.kinds == ["get", "get"]
    assert sent.report.kinds == Counter(stored=2)


@pytest.mark.parametrize(
    ("busy", "pauses"),
    [
        ([Says(429)], [1]),
        ([Says(429, headers={"retry-after": "7"}), Says(429)], [7, 2]),
        ([Says(429, headers={"retry-after": "86400"})], [60]),
        ([Says(429, headers={"retry-after": "Fri, 31 Dec 2027 23:59:59 GMT"})], [1]),
    ],
)
def test_who_is_busy_is_asked_again(edge, sent, busy, pauses):
    edge.says["get"] = in_turn(*busy, HIT)
    assert sent("one") == 1
    assert sent.pauses == pauses
    assert sent.report.kinds == Counter(hit=1)


def test_who_stays_busy_is_asked_four_times(edge, sent):
    edge.says["get"] = Says(429)
    assert sent("one") == 0
    assert sent.pauses == [1, 2, 4]
    assert len(edge.asked("get")) == 4
    assert sent.report.reasons == {("failed", "429 from the edge"): [1]}


def test_what_failed_is_not_done_and_stops_nothing_else(edge, sent):
    edge.says["get"] = in_turn(HANG_UP, MISS)
    edge.says["post"] = HANG_UP
    assert sent("one", "two") == 1
    assert sent.report.reasons == {("failed", "RemoteProtocolError"): [1]}
    assert sent.report.kinds == Counter(failed=1, stored=1)


@pytest.mark.parametrize("why", [STORE_DOWN, ANOTHER_WRITE])
def test_what_was_not_stored_for_no_fault_of_its_own_is_not_done(edge, sent, why):
    edge.says["get"] = json_answer(cache_status=f'{STATUS}; detail="{why}"')
    assert sent("one") == 0
    assert sent.report.reasons == {("failed", why): [1]}


def test_an_edge_whose_document_is_gone_is_asked_again(edge, sent):
    """The transport sends the request as it is: who knows whether that was stored."""
    edge.says["document"] = Says(503)
    assert sent("one") == 0
    assert edge.kinds == ["post"]
    assert sent.report.reasons == {("failed", "no-document"): [1]}


def test_a_stream_that_is_relayed_is_not_done_yet(edge, sent):
    edge.says["get"] = json_answer(cache_status=f'{STATUS}; detail="relayed-live"')
    assert sent("one") == 0
    assert sent.report.kinds == Counter(relayed=1)


def test_an_api_key_that_is_refused_ends_it(edge, sent):
    edge.says["get"], edge.says["post"] = problem(400), problem(401)
    with pytest.raises(EdgeCacheError, match=r"the cache refuses the API key \(401\)"):
        sent(*(f"{number}" for number in range(50)), concurrency=3)
    assert len(edge.asked("post")) <= 6


def test_no_more_are_under_way_than_was_said(edge, sent):
    import threading

    under_way, most, lock, both = 0, 0, threading.Lock(), threading.Barrier(2)

    def answer(_):
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        both.wait(20)  # two at a time, or it never ends
        with lock:
            under_way -= 1
        return MISS

    edge.says["get"] = answer
    assert sent(*(f"{number}" for number in range(8)), concurrency=2) == 8
    assert most == 2
