"""Filling a cache: requests are sent through the deployed edge, with the client transport, as callers would.

What is filled is the results bucket, for everybody, and the edge location near to where this runs. Other locations take
their answers from the bucket when they are first asked, without the model.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from inference_edge_cache.client import EXTENSION, AsyncEdgeCacheTransport, Served
from inference_edge_cache.client.served import said_by_gateway
from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.operations.journal import Journal
from inference_edge_cache.operations.requests_file import Line
from inference_edge_cache.protocol.reasons import ANOTHER_WRITE, NO_DOCUMENT, RELAYED_LIVE, STORE_DOWN

ATTEMPTS = 4
"""How often a request is sent that is answered with 429 or 503, in all."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before it is sent again, twice as long each time, unless ``Retry-After`` (RFC 9110 section 10.2.3) says how
many; never longer than the second."""

SECONDS_TO_CONNECT, SECONDS_TO_ANSWER, SECONDS_PAST_THE_CDN = 10.0, 130.0, 3610.0
"""CloudFront waits 120 s for an answer at most, Media CDN less. Where there is an ``upload_url`` the gateway itself is
asked, which on Cloud Run may take an hour."""

_BUSY = (429, 503)
_LONGEST_REASON = 120
# Not about the request: the next time it may be stored. A document there was when the command started.
_OF_THE_MOMENT = (STORE_DOWN, ANOTHER_WRITE, NO_DOCUMENT)

Kind = Literal["hit", "stored", "relayed", "refused", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What became of a request.

    * ``hit``: the answer was there; ``why`` is the tier that had it.
    * ``stored``: the model gave it, and it is stored now.
    * ``relayed``: the model is giving it as a stream; the gateway stores that when it is complete, and says no more.
    * ``refused``: there is an answer, or would be, that may not be kept; ``why`` is the gateway's reason.
    * ``failed``: there is none, or it was not stored for a reason that is not about the request.
    """

    kind: Kind
    why: str = ""


@dataclass
class Report:
    """Numbers of requests, and the lines of those that have a reason."""

    kinds: Counter[Kind] = field(default_factory=Counter)
    tiers: Counter[str] = field(default_factory=Counter)
    reasons: dict[tuple[Kind, str], list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, line: Line, outcome: Outcome) -> None:
        self.kinds[outcome.kind] += 1
        if outcome.kind == "hit":
            self.tiers[outcome.why] += 1
        elif outcome.why:
            self.reasons[outcome.kind, outcome.why].append(line.number)


async def warm(
    lines: Iterable[Line],
    url: str,
    *,
    api_key: str | None,
    concurrency: int,
    journal: Journal,
    past_the_cdn: bool,
    told: Callable[[Line, Outcome], object],
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Send ``lines`` to the cache at ``url``, ``concurrency`` at a time, and note in ``journal`` what is done.

    A request that failed, or whose answer was only relayed, is not done. ``past_the_cdn``: whether the discovery
    document has an ``upload_url``. Raises ``EdgeCacheError`` when the cache refuses the API key: then no request would
    fare better.
    """
    import httpx

    waiting = iter(lines)
    headers = {} if api_key is None else {"authorization": f"Bearer {api_key}"}
    longest = SECONDS_PAST_THE_CDN if past_the_cdn else SECONDS_TO_ANSWER
    timeout = httpx.Timeout(longest, connect=SECONDS_TO_CONNECT)
    transport = AsyncEdgeCacheTransport(api_key=api_key)
    async with httpx.AsyncClient(base_url=url, transport=transport, headers=headers, timeout=timeout) as client:

        async def work() -> None:
            for line in waiting:
                outcome = Outcome("refused", line.refused) if line.refused else await _sent(client, line, pause)
                if line.digest and outcome.kind in ("hit", "stored", "refused"):
                    journal.add(line.digest)
                told(line, outcome)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(work())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None


async def _sent(client: Any, line: Line, pause: Callable[[float], Awaitable[object]]) -> Outcome:
    import httpx

    try:
        response = await client.post(line.route, content=line.body, headers=line.headers)
        for attempt in range(ATTEMPTS - 1):
            if response.status_code not in _BUSY:
                break
            await pause(_seconds(response.headers.get("retry-after"), attempt))
            response = await client.post(line.route, content=line.body, headers=line.headers)
    except httpx.HTTPError as error:  # what it says may hold the path
        return Outcome("failed", type(error).__name__)
    served: Served = response.extensions[EXTENSION]
    if response.status_code == 401 and served.tier == "passed":
        raise EdgeCacheError("the cache refuses the API key (401): is it of this cache's master secret?")
    return outcome_of(response.status_code, response.headers, served)


def outcome_of(status: int, headers: Mapping[str, str], served: Served) -> Outcome:
    """What an answer says of itself."""
    reason = served.reason[:_LONGEST_REASON]
    if status != 200:
        return Outcome(
            "failed", f"{status} from the {served.tier}" if served.tier != "passed" else f"{status}, {reason}"
        )
    match served.tier:
        case "edge" | "bucket" | "store":
            return Outcome("hit", served.tier)
        case "model":
            detail = _detail(headers)
            if detail is None:
                return Outcome("stored")
            if detail in _OF_THE_MOMENT:
                return Outcome("failed", detail)
            return Outcome("relayed") if detail == RELAYED_LIVE else Outcome("refused", detail[:_LONGEST_REASON])
        case "passed":
            return Outcome("failed" if reason in _OF_THE_MOMENT else "refused", reason or "unknown")


def _detail(headers: Mapping[str, str]) -> str | None:
    """Why the gateway did not store what the model said; ``None`` when it did, for this caller or another one."""
    said = said_by_gateway(headers) or {}
    detail, kept = said.get("detail"), said.get("stored") or said.get("collapsed")
    return None if kept and not detail else str(detail or "unknown")


def _seconds(retry_after: str | None, attempt: int) -> float:
    given = float(retry_after) if retry_after and retry_after.isdecimal() and len(retry_after) < 6 else None
    return min(FIRST_PAUSE * 2**attempt if given is None else given, LONGEST_PAUSE)
