"""The gateway behind the CDN: key, store, model.

::

    GET <route>/~/<generation>/<scope>/<key>    the store; else, proven by its payload, the model; else 428
    POST <route>                                authenticated; the same store, the same model
    GET /.well-known/inference-edge-cache.json  what a client needs to know

It does no I/O of its own: the store and the model are given, and so is the clock.
"""

import json
import logging
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from inference_edge_cache.gateway import status
from inference_edge_cache.gateway.admission import NotStored, admit
from inference_edge_cache.gateway.answers import (
    age_of,
    cache_control,
    json_answer,
    model_headers,
    problem,
    refusal,
    stored_answer,
    without_body,
)
from inference_edge_cache.gateway.config import GatewayConfig, GatewayConfigError, ResultRules
from inference_edge_cache.gateway.controls import Controls, read_controls
from inference_edge_cache.gateway.flights import Flight, Flights, Head, Landing
from inference_edge_cache.gateway.keyring import Keyring
from inference_edge_cache.gateway.messages import Deadline, HeaderLines, Request, Response
from inference_edge_cache.gateway.model import Model, ModelAnswer, ModelFailed, ModelRequest
from inference_edge_cache.gateway.passing import is_name, passed_headers, sendable
from inference_edge_cache.gateway.store import Damaged, Result, Store, Stored, StoreFailed
from inference_edge_cache.protocol import (
    DISCOVERY_PATH,
    PAYLOAD_HEADER,
    Bypass,
    Preimage,
    Rejected,
    RouteConfig,
    inference_path,
    parse_path,
    preimage_storable,
    request_key,
    storable_request,
)
from inference_edge_cache.protocol.reasons import ANOTHER_WRITE, RELAYED_LIVE, STORE_DOWN

logger = logging.getLogger(__name__)

HEALTH_PATH = "/.well-known/inference-edge-cache/health"

AFTER_THE_CALLER = 60.0
"""Seconds that the model has beyond the deadline of whoever asked, where the process lives on: a function is frozen."""

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer to a storable request that are held in memory, for all who wait for it."""

_DISCOVERY_CACHE = "public, max-age=60"
_READS = ("GET", "HEAD")
_FAILED = "the gateway failed; its log says where"
_NONE_ASKED = Controls()
_CHALLENGE = (("www-authenticate", 'Bearer realm="inference-edge-cache"'),)


@dataclass(frozen=True)
class _Asked:
    """A storable request: where its answer lies, what the model is sent, how its route keeps results."""

    request: Request = field(repr=False)
    path: str = field(repr=False)
    route: RouteConfig
    rules: ResultRules
    preimage: Preimage
    controls: Controls = _NONE_ASKED

    def document(self) -> Any:
        return json.loads(self.preimage.body)

    def oldest(self) -> int:
        """The age that this caller takes, in seconds."""
        limits = (self.rules.result_max_age, self.controls.max_age)
        return min(limit for limit in limits if limit is not None)


@dataclass(frozen=True)
class _Found:
    """What a look into the store has shown. ``replaces``: what lies there and is to be replaced."""

    stored: Stored | None = None
    replaces: str | None = None
    too_old: bool = False
    down: bool = False


class Gateway:
    """Answers requests from the store, and from the model where the store has nothing. Safe to use from many threads.

    :param keyring: who may ask; public if and only if the configuration is. ``GatewayConfigError`` otherwise.
    :param now: Unix seconds.
    """

    def __init__(
        self,
        config: GatewayConfig,
        keyring: Keyring,
        store: Store,
        model: Model,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        if keyring.is_public != (config.edge.access == "public"):
            raise GatewayConfigError("access is public in one of keyring and configuration, and not in the other")
        self.config = config
        self._keyring, self._store, self._model, self._now = keyring, store, model, now
        self._flights = Flights()
        self._discovery = config.edge.to_json()

    def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response:
        """The answer to ``request``, within ``deadline``. Never raises.

        With ``live`` the answer may be one whose body is still to come: see ``Response.chunks``.
        """
        try:
            response = self._answer(request, deadline, live)
        except Exception as error:
            _log(error)
            response = refusal(500, _FAILED)
        return without_body(response) if request.method == "HEAD" else response

    def _answer(self, request: Request, deadline: Deadline, live: bool) -> Response:
        if not all(is_name(name) and sendable(value) for name, value in request.headers):
            return refusal(400, "a header's name is none, or its value has a control character in it")
        if request.path in (DISCOVERY_PATH, HEALTH_PATH):
            return self._own_document(request)
        cached = parse_path(request.path)
        if cached is not None:
            route = self.config.edge.route(cached.route)
            return self._by_path(request, route, cached.generation, deadline, live) if route else _no_route()
        route = self.config.edge.route(request.path)
        return self._by_post(request, route, deadline, live) if route else _no_route()

    def _own_document(self, request: Request) -> Response:
        if request.method not in _READS:
            return _not_allowed("GET, HEAD")
        if request.path == HEALTH_PATH:
            return json_answer(b'{"status":"ok"}', "no-store")
        return json_answer(self._discovery, _DISCOVERY_CACHE)

    # The cacheable form -----------------------------------------------------------------------------------------------
    def _by_path(
        self, request: Request, route: RouteConfig, generation: str, deadline: Deadline, live: bool
    ) -> Response:
        if request.method not in _READS:
            return _not_allowed("GET, HEAD")
        problems = [
            (bool(request.query), "a query string is not part of a cacheable form"),
            (bool(request.body), f"a {request.method} of a cacheable form has no body"),
            (read_controls(request) != _NONE_ASKED, "Inference-Cache and Inference-Cache-TTL are for a POST"),
        ]
        found_wrong = [said for wrong, said in problems if wrong]
        if found_wrong:
            return refusal(400, "; ".join(found_wrong))
        if generation != route.generation:
            return _post_it(route, "old-generation")
        rules = self.config.results[route.path]
        seen = self._flights.landings
        found = self._look_up(request.path, rules.result_max_age)
        if found.stored:
            return self._hit(request, request.path, found.stored, rules)
        payload = request.header(PAYLOAD_HEADER.lower())
        if payload is None or request.method == "HEAD":
            return _post_it(route, "nothing-stored")
        preimage = self._keyring.verify(request.path, payload)
        if isinstance(preimage, Preimage):
            refused = preimage_storable(preimage, route.rules)
            if isinstance(refused, Bypass):
                return _post_it(route, str(refused))
            preimage = refused or preimage
        if isinstance(preimage, Rejected):
            return refusal(400, f"the payload is refused: {preimage}")
        return self._fetched(_Asked(request, request.path, route, rules, preimage), found, seen, deadline, live)

    # The plain form ---------------------------------------------------------------------------------------------------
    def _by_post(self, request: Request, route: RouteConfig, deadline: Deadline, live: bool) -> Response:
        if request.method != "POST":
            return _not_allowed("POST")
        caller = self._keyring.caller(request.headers)
        if caller is None:
            return refusal(401, "an API key of this cache is needed: Authorization: Bearer iec1...", headers=_CHALLENGE)
        controls = read_controls(request)
        if isinstance(controls, str):
            return refusal(400, controls)
        preimage = storable_request(route.path, route.rules, request.headers, request.body, request.query)
        if controls.bypass or isinstance(preimage, Bypass):
            why = str(preimage) if isinstance(preimage, Bypass) else "requested"
            return self._passed_through(request, why, deadline, live)
        path = inference_path(route.path, route.generation, caller.scope, request_key(caller.key, preimage))
        rules = self.config.results[route.path]
        asked = _Asked(request, path, route, rules, preimage, controls)
        seen = self._flights.landings
        found = self._look_up(path, -1 if controls.refresh else asked.oldest())
        if found.stored:
            return self._hit(request, path, found.stored, rules)
        return self._fetched(asked, found, seen, deadline, live)

    def _passed_through(self, request: Request, why: str, deadline: Deadline, live: bool) -> Response:
        """The request as it is, to the model; its answer as it is, to this caller alone."""
        headers = passed_headers(request.headers, keyed=self.config.edge.access == "keyed")
        asked = ModelRequest(
            method=request.method, path=request.path, query=request.query, headers=headers, body=request.body
        )
        asked_at = deadline.clock()
        try:
            answer = self._model.answer(asked, deadline)
            told = model_headers(answer.headers, status.not_stored("bypass", answer.status, why), cookies=True)
            if live:
                return Response(status=answer.status, headers=told, chunks=answer.chunks)
            with closing(answer.chunks):
                whole = _whole(answer.status, told, b"".join(answer.chunks))
            return replace(whole, model_seconds=deadline.clock() - asked_at)
        except ModelFailed as failed:
            return _failed(failed, "bypass")

    # Store and model --------------------------------------------------------------------------------------------------
    def _look_up(self, path: str, oldest: int) -> _Found:
        """What is stored at ``path`` and at most ``oldest`` seconds old; nothing is when that is below 0."""
        try:
            lies = self._store.get(path)
        except StoreFailed as failed:
            logger.warning("the store could not be read: %s", failed)
            return _Found(down=True)
        except Exception as error:
            _log(error)
            return _Found(down=True)
        if isinstance(lies, Stored) and age_of(lies.result, self._now()) < max(oldest, 0):
            return _Found(stored=lies)
        replaces = lies.version if isinstance(lies, Stored | Damaged) else None
        return _Found(replaces=replaces, too_old=isinstance(lies, Stored))

    def _hit(self, request: Request, path: str, stored: Stored, rules: ResultRules) -> Response:
        age = age_of(stored.result, self._now())
        return stored_answer(request, path, stored, rules, age, status.hit(rules.result_max_age - age))

    def _fetched(self, asked: _Asked, found: _Found, seen: int, deadline: Deadline, live: bool) -> Response:
        """The answer by way of the model: with others who ask for the same, or, if theirs was not stored, alone."""

        # A model that is nearly done is not cut off when its caller goes: the answer is stored for the next one.
        longer = Deadline(deadline.at + AFTER_THE_CALLER, deadline.clock)

        def trip(flight: Flight) -> Landing:
            return self._trip(asked, found, seen, flight, longer)

        why, alone = _why(asked, found), asked.controls.refresh or asked.oldest() <= 0
        try:
            flight, leads = (self._flights.alone(trip), True) if alone else self._flights.join(asked.path, trip)
            head = _relayable_head(flight, deadline) if live else None
            if head is None and not leads and not self._takes(asked, flight.landed(deadline)):
                flight, leads = self._flights.alone(trip), True
                head = _relayable_head(flight, deadline) if live else None
            if head:
                return self._relayed(asked, flight, head, deadline, why, not leads)
            return self._landed(asked, flight.landed(deadline), why, not leads)
        except ModelFailed as failed:
            return _failed(failed, why)

    def _takes(self, asked: _Asked, landing: Landing) -> bool:
        """Whether what somebody else's trip has brought is young enough for this caller, too."""
        return landing.stored is not None and age_of(landing.stored.result, self._now()) < asked.oldest()

    def _relayed(
        self, asked: _Asked, flight: Flight, head: Head, deadline: Deadline, why: str, collapsed: bool
    ) -> Response:
        """A stream as it comes. It cannot be taken back: nobody may keep it. It is stored once it is complete."""
        said = status.not_stored(why, head.status, RELAYED_LIVE, collapsed=collapsed)
        return Response(
            status=head.status,
            headers=model_headers(head.headers, said, cookies=False),
            chunks=flight.chunks(deadline),
            whole=lambda: self._landed(asked, flight.landed(Deadline.after(0)), why, collapsed),
        )

    def _landed(self, asked: _Asked, landing: Landing, why: str, collapsed: bool) -> Response:
        if landing.failure:
            raise landing.failure
        took = None if collapsed else landing.model_seconds
        if landing.stored:
            age = age_of(landing.stored.result, self._now())
            said = status.hit(asked.rules.result_max_age - age)
            if not landing.from_store:
                said = status.forwarded(why, landing.status, stored=not collapsed, collapsed=collapsed)
            answer = stored_answer(asked.request, asked.path, landing.stored, asked.rules, age, said)
            return replace(answer, model_seconds=took)
        said = status.not_stored(why, landing.status, landing.reason, collapsed=collapsed)
        whole = _whole(landing.status, model_headers(landing.headers, said, cookies=False), landing.body)
        return replace(whole, model_seconds=took)

    # On the flight's own thread ---------------------------------------------------------------------------------------
    def _trip(self, asked: _Asked, found: _Found, seen: int, flight: Flight, deadline: Deadline) -> Landing:
        try:
            if self._flights.landings != seen and not asked.controls.refresh:
                # Another trip has landed since the store was looked at: perhaps the one for this very answer.
                found = self._look_up(asked.path, asked.oldest())
                if found.stored:
                    return Landing(stored=found.stored, from_store=True, status=200)
            asked_at = deadline.clock()
            answer = self._model.answer(
                ModelRequest(path=asked.route.path, headers=asked.preimage.headers, body=asked.preimage.body), deadline
            )
            body = _gathered(flight, answer)
            took = deadline.clock() - asked_at
            return replace(self._kept(asked, found, answer, body), model_seconds=took)
        except ModelFailed as failed:
            return Landing(failure=failed)
        except Exception as error:
            _log(error)
            return Landing(failure=ModelFailed(500, _FAILED))

    def _kept(self, asked: _Asked, found: _Found, answer: ModelAnswer, body: bytes) -> Landing:
        """Store the answer if it may be, and if nobody else was faster; whoever was, their result is the answer."""
        not_stored = Landing(status=answer.status, headers=answer.headers, body=body)
        dialect, limit = asked.route.rules.dialect, asked.rules.max_result_bytes
        admitted = admit(dialect, asked.document(), answer.status, answer.headers, body, limit)
        if isinstance(admitted, NotStored):
            return _because(not_stored, str(admitted))
        if found.down:
            return _because(not_stored, STORE_DOWN)
        result = Result(body, admitted, int(self._now()))
        try:
            stored = self._put(asked, result, found.replaces)
        except StoreFailed as failed:
            logger.warning("the store could not be written: %s", failed)
            return _because(not_stored, STORE_DOWN)
        except Exception as error:
            _log(error)
            return _because(not_stored, STORE_DOWN)
        if stored is None:
            stored = self._look_up(asked.path, asked.oldest()).stored
        return Landing(stored=stored, status=answer.status) if stored else _because(not_stored, ANOTHER_WRITE)

    def _put(self, asked: _Asked, result: Result, replaces: str | None) -> Stored | None:
        told = cache_control(asked.rules, 0)
        stored = self._store.put(asked.path, result, told, replaces)
        if stored is None and asked.controls.refresh:
            # What came in between was asked for without a refresh, perhaps before it.
            there = self._look_up(asked.path, -1).replaces
            stored = self._store.put(asked.path, result, told, there)
        return stored


def _why(asked: _Asked, found: _Found) -> str:
    """Why the model is asked (RFC 9211 section 2.2)."""
    if asked.controls != _NONE_ASKED:
        return "request"
    return "stale" if found.too_old else "uri-miss"


def _failed(failed: ModelFailed, why: str) -> Response:
    return problem(failed.status, str(failed), status.not_stored(why, None, str(failed)))


def _because(landing: Landing, reason: str) -> Landing:
    return Landing(status=landing.status, headers=landing.headers, body=landing.body, reason=reason)


def _gathered(flight: Flight, answer: ModelAnswer) -> bytes:
    """The whole body, told to the flight as it comes."""
    flight.begin(Head(answer.status, answer.headers))
    chunks, size = list[bytes](), 0
    with closing(answer.chunks):
        for chunk in answer.chunks:
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise ModelFailed(
                    502, f"the answer has more than {LARGEST_ANSWER} bytes: ask with Inference-Cache: bypass"
                )
            if chunk:
                chunks.append(chunk)
                flight.add(chunk)
    return b"".join(chunks)


def _relayable_head(flight: Flight, deadline: Deadline) -> Head | None:
    """The head of an event stream that is still coming in; ``None`` for anything else."""
    head = flight.begun(deadline)
    if isinstance(head, Landing) or head.status != 200:
        return None
    return head if _media_type(head.headers) == "text/event-stream" else None


def _media_type(headers: HeaderLines) -> str:
    kind = next((value for name, value in headers if name == "content-type"), "")
    return kind.partition(";")[0].strip().lower()


def _whole(status_code: int, headers: HeaderLines, body: bytes) -> Response:
    return Response(status=status_code, headers=(*headers, ("content-length", str(len(body)))), body=body)


def _log(error: Exception) -> None:
    """Where it happened. The error's own text may quote a request, and stays out."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("the gateway failed: %s\n%s", type(error).__name__, where)


def _no_route() -> Response:
    return refusal(404, "no inference route of this cache has that path")


def _not_allowed(methods: str) -> Response:
    return refusal(405, f"only {methods} can be asked for here", headers=(("allow", methods),))


def _post_it(route: RouteConfig, why: str) -> Response:
    """428: what cannot be answered by its path can be by a POST (RFC 6585 section 3)."""
    said = f"nothing is stored here: POST the body to {route.path}, and reload {DISCOVERY_PATH}"
    return problem(428, said, status.refused(why), route=route.path, generation=route.generation)
