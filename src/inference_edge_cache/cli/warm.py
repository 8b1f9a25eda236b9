"""``inference-edge-cache warm``: ask a deployed cache everything that is in a file, before callers do."""

import asyncio
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inference_edge_cache.cli.options import whole_number
from inference_edge_cache.errors import EdgeCacheError, Problem

if TYPE_CHECKING:
    from inference_edge_cache.cli.screen import Screen
    from inference_edge_cache.operations.journal import Journal
    from inference_edge_cache.operations.requests_file import Line
    from inference_edge_cache.operations.warm import Report
    from inference_edge_cache.protocol import ApiKey, EdgeConfig

API_KEY = "INFERENCE_EDGE_CACHE_API_KEY"
_FAILED = 1
_CONCURRENCY, _MOST_AT_ONCE = 8, 256
# Over plain http an API key can be read by everybody on the way.
_URL = re.compile(r"(https://[A-Za-z0-9.-]+(?::[0-9]+)?|http://(?:localhost|127\.0\.0\.1)(?::[0-9]+)?)/?")


def warm(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The requests: one JSON object in a line.")],
    url: Annotated[str, typer.Option("--url", metavar="URL", help="The cache: the component's output url.")],
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            "--api-key-file",
            metavar="FILE",
            help=f"The tenant's API key. Default: ${API_KEY}. None is needed where access is public.",
        ),
    ] = None,
    concurrency: Annotated[
        int,
        typer.Option(
            "--concurrency",
            metavar="N",
            parser=whole_number("--concurrency", 1, _MOST_AT_ONCE),
            help="How many requests to send at a time.",
        ),
    ] = _CONCURRENCY,
    journal: Annotated[
        Path | None,
        typer.Option("--journal", metavar="FILE", help="Where to note what is done. Default: beside FILE, .warmed."),
    ] = None,
) -> None:
    """Send the requests in a file through a deployed cache, so that callers find their answers there.

    A run that was cut short goes on where it ended when it is started again. Exit code 0 when no request
    failed, 1 when one did, 2 when the input is wrong.
    """
    from inference_edge_cache.cli.screen import Screen
    from inference_edge_cache.cli.stopping import terminated_cleanly
    from inference_edge_cache.operations.discovery import fetch_config
    from inference_edge_cache.operations.journal import Journal
    from inference_edge_cache.operations.warm import Report
    from inference_edge_cache.protocol import DISCOVERY_PATH, PUBLIC_API_KEY

    address = _address(url)
    caller = _api_key(api_key_file)
    config = fetch_config(address + DISCOVERY_PATH)
    if config.access == "keyed" and caller is None:
        raise EdgeCacheError(f"the API key is missing: set {API_KEY}, or name a file with --api-key-file")
    caller = None if config.access == "public" else caller
    source = _Source(file, address, config, caller or PUBLIC_API_KEY)
    screen, report = Screen(), Report()
    with terminated_cleanly(), Journal(journal or file.with_name(f"{file.name}.warmed")) as kept:
        todo = _checked(source, kept)
        try:
            _send(screen, source, todo, caller, concurrency, kept, report)
        finally:
            _say_report(screen, todo, report)
        if not _left(todo, report):
            kept.forget()
    if report.kinds["failed"]:
        raise typer.Exit(_FAILED)


# Before anything is sent ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Source:
    """The file, and the cache that its requests are for."""

    file: Path
    address: str
    config: "EdgeConfig"
    caller: "ApiKey"


@dataclass(frozen=True)
class _Todo:
    """How much there is to do. ``before`` was done by an earlier run, ``repeated`` stands there more than once."""

    send: int
    before: int
    repeated: int


def _address(url: str) -> str:
    found = _URL.fullmatch(url)
    if found is None:
        remedy = "give the component's output url, without a path; plain http is for this machine alone"
        raise EdgeCacheError(str(Problem.at("--url", url, "must be https://HOST", remedy)))
    return found[1]


def _api_key(file: Path | None) -> "ApiKey | None":
    """The API key; an error never shows what was found in its place."""
    from inference_edge_cache.cli.secrets import secret_in
    from inference_edge_cache.protocol import parse_api_key

    text = secret_in(file) if file else os.environ.get(API_KEY)
    if not text and file is None:
        return None
    found = parse_api_key((text or "").strip())
    if found is None:
        raise EdgeCacheError(
            f"{file or API_KEY}: holds no API key; make one with: inference-edge-cache api-key --tenant NAME"
        )
    return found


def _checked(source: _Source, journal: "Journal") -> _Todo:
    """Counts what is to be sent. Raises ``EdgeCacheError`` with every line that is no request."""
    from inference_edge_cache.operations.problems import ranges
    from inference_edge_cache.operations.requests_file import BadLine, lines_of

    wrong: dict[str, list[int]] = defaultdict(list)
    seen: set[str] = set()
    send = before = repeated = 0
    for line in lines_of(source.file, source.address, source.config, source.caller):
        if isinstance(line, BadLine):
            wrong[line.why].append(line.number)
        elif line.digest and line.digest in journal.done:
            before += 1
        elif line.digest and line.digest in seen:
            repeated += 1
        else:
            send += 1
            seen.add(line.digest)
    if wrong:
        said = "\n".join(f"  {_lines(numbers)} {ranges(numbers)}: {why}" for why, numbers in wrong.items())
        raise EdgeCacheError(f"{source.file} has lines that are no requests to this cache; nothing was sent:\n{said}")
    return _Todo(send, before, repeated)


def _lines(numbers: Sequence[int]) -> str:
    return "line" if len(numbers) == 1 else "lines"


def _pending(source: _Source, done: frozenset[str]) -> "Iterator[Line]":
    """The lines that are to be sent, each request once."""
    from inference_edge_cache.operations.requests_file import BadLine, lines_of

    seen = set(done)
    for line in lines_of(source.file, source.address, source.config, source.caller):
        if isinstance(line, BadLine):
            raise EdgeCacheError(f"{source.file}: was changed while it was being sent, line {line.number}: {line.why}")
        if line.digest not in seen:
            seen |= {line.digest} - {""}
            yield line


# Sending --------------------------------------------------------------------------------------------------------------
def _send(
    screen: "Screen",
    source: _Source,
    todo: _Todo,
    caller: "ApiKey | None",
    concurrency: int,
    journal: "Journal",
    report: "Report",
) -> None:
    from inference_edge_cache.cli.progress import progress_of
    from inference_edge_cache.operations.warm import Outcome, warm

    with progress_of(screen, "sending", todo.send) as advanced:

        def told(line: "Line", outcome: Outcome) -> None:
            report.add(line, outcome)
            advanced(1)

        asyncio.run(
            warm(
                _pending(source, frozenset(journal.done)),
                source.address,
                api_key=None if caller is None else caller.text,
                concurrency=concurrency,
                journal=journal,
                past_the_cdn=source.config.upload_url is not None,
                told=told,
            )
        )


def _left(todo: _Todo, report: "Report") -> int:
    """How many requests another run would send again."""
    return todo.send - report.kinds["hit"] - report.kinds["stored"] - report.kinds["refused"]


# What is said ---------------------------------------------------------------------------------------------------------
def _say_report(screen: "Screen", todo: _Todo, report: "Report") -> None:
    kinds = report.kinds
    tiers = ", ".join(f"{report.tiers[tier]:,} {where}" for tier, where in _TIERS.items() if report.tiers[tier])
    rows = [("hits", f"{kinds['hit']:,}{f': {tiers}' if tiers else ''}"), ("stored", f"{kinds['stored']:,}")]
    if kinds["relayed"]:
        rows.append(("streams", f"{kinds['relayed']:,} the gateway stores when they are complete: run it again to see"))
    rows.append(("refused", f"{kinds['refused']:,}"))
    rows += _reasons(report, "refused")
    rows.append(("failed", f"{kinds['failed']:,}"))
    rows += _reasons(report, "failed")
    if todo.before:
        rows.append(("before", f"{todo.before:,} done by an earlier run"))
    if todo.repeated:
        rows.append(("repeated", f"{todo.repeated:,} sent once, with an equal one"))
    unsent = todo.send - sum(kinds.values())
    if unsent:
        rows.append(("not sent", f"{unsent:,}"))
    screen.title("Warmed" if not _left(todo, report) else "Not all is warmed")
    screen.pairs(rows)
    if _left(todo, report):
        screen.text("Run the same command again to go on with the rest.")


_TIERS: Mapping[str, str] = {"edge": "at the edge", "bucket": "in the bucket", "store": "by way of the gateway"}


def _reasons(report: "Report", kind: str) -> list[tuple[str, str]]:
    from inference_edge_cache.operations.problems import ranges

    found = sorted((why, numbers) for (its, why), numbers in report.reasons.items() if its == kind)
    return [("", f"{why} ({_lines(numbers)} {_shortened(ranges(numbers))})") for why, numbers in found]


_LONGEST = 60


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rpartition(',')[0]}, ..."
