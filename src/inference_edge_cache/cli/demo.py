"""``inference-edge-cache demo``: the POST API of a real model becomes cacheable, and what Pulumi would create."""

import os
import re
import secrets
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.cli.options import CloudOption, PortOption, whole_number
from inference_edge_cache.errors import MissingExtraError

if TYPE_CHECKING:
    from inference_edge_cache.cli.screen import Screen
    from inference_edge_cache.local.demo_cache import DemoCache
    from inference_edge_cache.local.demo_callers import Notes, Vector

T = TypeVar("T")

_REQUESTS, _MOST_REQUESTS = 600, 1_000_000
_COMMAND = "inference-edge-cache"
_ENDPOINT = "https://model.example.com"
_TRANSPORT = "http_client=DefaultHttpxClient(transport=EdgeCacheTransport()),"
_TIERS = {
    "edge": "the CDN, near the caller",
    "bucket": "the CDN, out of the bucket",
    "store": "the gateway, out of the bucket",
    "model": "nobody else had the answer",
}


def demo(
    cloud: CloudOption = Cloud.AWS,
    requests: Annotated[
        int,
        typer.Option(
            "--requests",
            metavar="N",
            parser=whole_number("--requests", 1, _MOST_REQUESTS),
            help="How many requests to send, without the transport and then with it.",
        ),
    ] = _REQUESTS,
    port: PortOption = 0,
) -> None:
    """Make the POST API of a real embedding model cacheable, on this machine, and count what that saves.

    Nothing leaves this machine, nothing is deployed, and everything it starts is stopped at the end.
    """
    from inference_edge_cache.cli.screen import Screen
    from inference_edge_cache.cli.stopping import terminated_cleanly
    from inference_edge_cache.local.demo_cache import demo_cache
    from inference_edge_cache.local.demo_traffic import replayed

    if find_spec("openai") is None:
        raise MissingExtraError("demo", "The demo's caller")
    screen = Screen()
    with terminated_cleanly():
        with demo_cache(cloud, port) as cache:
            _say_what_is_real(screen, cache, cloud)
            traffic = replayed(requests)
            setting = _Setting(screen, cache, traffic, _asked_directly(screen, cache.model.url, traffic))
            _prove(setting, _pass_unmodified(setting), _pass_with_transport(setting))
        _say_resources(screen)
    _say_next(screen)


@dataclass(frozen=True)
class _Setting:
    """What both passes share. ``own`` is what the model itself says of each sentence."""

    screen: "Screen"
    cache: "DemoCache"
    traffic: Sequence[str]
    own: "Mapping[str, Vector]" = field(repr=False)


def _say_what_is_real(screen: "Screen", cache: "DemoCache", cloud: Cloud) -> None:
    from inference_edge_cache.cli.words import cloud_name
    from inference_edge_cache.local.demo_model import MODEL
    from inference_edge_cache.local.demo_traffic import SEED

    name = cloud_name(cloud)
    screen.title("A cache for a POST API", f"as {name} would run it")
    screen.pairs(
        [
            (
                "real",
                f"the model ({MODEL}, a transformer, on this CPU) and its own OpenAI-compatible server, the OpenAI "
                "SDK, the sentences (from Python's own documentation), the HTTP, and the cache's gateway",
            ),
            (
                "stand-ins",
                f"local edges with the rules of {name} for two of its locations, {' and '.join(cache.urls)} until the "
                "end of this demo; a folder for the results bucket, which both read",
            ),
            (
                "made up",
                f"which sentence is asked for when: a few often, most rarely (Zipf, fixed seed {SEED}); callers near "
                "the two locations take turns",
            ),
            (
                "left out",
                "the network: here the edge is as near as the model, so read the counts rather than the times",
            ),
        ]
    )


# The passes ----------------------------------------------------------------------------------------------------------
def _asked_directly(screen: "Screen", model: str, traffic: Iterable[str]) -> "dict[str, Vector]":
    from inference_edge_cache.local.demo_callers import ask, caller

    known = sorted(set(traffic))
    with caller(model, "none") as client:
        return {
            sentence: ask(client, sentence, "nobody").vector
            for sentence in _tracked(screen, "the model, asked directly", known, len(known))
        }


def _pass_unmodified(setting: _Setting) -> "Notes":
    from inference_edge_cache.cli.words import counted
    from inference_edge_cache.local.demo_model import MODEL

    screen, cache = setting.screen, setting.cache
    screen.title("1. The OpenAI SDK as it is", counted(len(setting.traffic), "request"))
    screen.lines(
        [
            "    client = OpenAI(",
            f'        base_url="{cache.urls[0]}/v1",',
            f'        api_key="{cache.keys[0].rpartition(".")[0]}...",',
            "    )",
            "    client.embeddings.create(",
            f'        model="{MODEL}", input=sentence, user="user-0"',
            "    )",
        ]
    )
    screen.text(
        "Only base_url and api_key change. Every request names another user, which is no part of the cache "
        "key. No CDN keeps the answer to a POST: each one goes on to the gateway, a function in front of the model, "
        "which looks into the results bucket first."
    )
    return _pass(setting, cache.keys[0], transport=False)


def _pass_with_transport(setting: _Setting) -> "Notes":
    screen = setting.screen
    screen.title("2. One line more", "the same requests, with the key of another tenant")
    screen.lines([f"        {_TRANSPORT}"])
    screen.text("With it each POST leaves as a GET of a path of its own, and the CDN keeps the answer.")
    return _pass(setting, setting.cache.keys[1], transport=True)


def _pass(setting: _Setting, key: str, *, transport: bool) -> "Notes":
    """Send the traffic and say who answered. Exits 1 when the model and the callers have counted differently."""
    from inference_edge_cache.cli.words import counted
    from inference_edge_cache.local.demo_callers import Notes, caller, replay

    screen, requests = setting.screen, len(setting.traffic)
    notes = Notes()
    before = setting.cache.model.calls()
    with ExitStack() as stack:
        clients = [stack.enter_context(caller(url, key, transport=transport)) for url in setting.cache.urls]
        for sentence, answer in _tracked(screen, "asking", replay(clients, setting.traffic), requests):
            notes.note(sentence, answer, setting.own[sentence])
    calls = setting.cache.model.calls() - before

    screen.lines(["", f"  {'':6}{'requests':>10}{'share':>8}{'p50':>11}{'p99':>11}"], "dim")
    for tier, words in _TIERS.items():
        seconds = notes.seconds[tier]
        numbers = f"{len(seconds):>10,}{len(seconds) / requests:>8.1%}{_ms(seconds, 50):>11}{_ms(seconds, 99):>11}"
        screen.lines([f"  {tier:6}{numbers}  {words}"])
    agree = calls == len(notes.seconds["model"])
    screen.lines([""])
    screen.pairs(
        [
            ("saved", f"{requests - calls:,} of {counted(requests, 'model call')} ({1 - calls / requests:.1%})"),
            (
                "counted",
                f"{counted(calls, 'call')} by the model itself, {counted(len(notes.seconds['model']), 'answer')} of "
                f"the model by the callers: they {'agree' if agree else 'DO NOT AGREE'}",
            ),
        ]
    )
    if not agree:
        raise typer.Exit(1)
    return notes


def _tracked(screen: "Screen", what: str, steps: Iterable[T], total: int) -> Iterator[T]:
    """``steps``, with a bar where a terminal shows it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=screen.console, transient=True, disable=not screen.console.is_terminal) as bar:
        yield from bar.track(steps, total, description=what)


def _ms(seconds: Sequence[float], percentile: int) -> str:
    if not seconds:
        return "-"
    value = quantiles(seconds, n=100, method="inclusive")[percentile - 1] if len(seconds) > 1 else seconds[0]
    return f"{value * 1000:.1f} ms"


# The proof -----------------------------------------------------------------------------------------------------------
def _prove(setting: _Setting, first: "Notes", second: "Notes") -> None:
    """Say that no answer was wrong and none another tenant's. Exits 1 when one was."""
    from inference_edge_cache.cli.words import counted
    from inference_edge_cache.local.demo_callers import status_without_key

    answers, wrong = 2 * len(setting.traffic), first.wrong + second.wrong
    sentences = len(second.first)
    leaked = sum(tier != "model" for tier in second.first.values())
    before = setting.cache.model.calls()
    status = status_without_key(setting.cache.urls[0])
    calls = setting.cache.model.calls() - before

    rows = [
        (
            "vectors",
            wrong == 0,
            f"{answers - wrong:,} of {answers:,} are exactly what the model says when it is asked directly",
        ),
        (
            "tenants",
            leaked == 0,
            f"of {counted(sentences, 'sentence')} the second tenant got {leaked:,} out of what was kept for the first",
        ),
        (
            "no key",
            (status, calls) == (401, 0),
            f"a POST without a key of the cache: {status}, and {counted(calls, 'model call')}",
        ),
    ]
    setting.screen.title("No wrong answer, and nobody else's")
    setting.screen.pairs((name, text if right else f"{text}: WRONG") for name, right, text in rows)
    if not all(right for _, right, _ in rows):
        raise typer.Exit(1)


# Resources -----------------------------------------------------------------------------------------------------------
def _say_resources(screen: "Screen") -> None:
    from inference_edge_cache.cli.words import cloud_name
    from inference_edge_cache.local.demo_cache import PRESET
    from inference_edge_cache.testing import record

    screen.title("What Pulumi would create", "nothing is created now")
    screen.text(
        "A program of a few lines deploys it: the CDN, the results bucket and the gateway. With "
        '"gcp" in place of "aws" the same lines make the second list.'
    )
    screen.lines(
        [
            "    InferenceEdgeCache(",
            '        "e5",',
            "        {",
            '            "cloud": "aws",',
            f'            "origin": {{"url": "{_ENDPOINT}"}},',
            f'            "routes": [{{"preset": "{PRESET}"}}],',
            '            "gateway": {"master_secret": config.require_secret("master")},',
            "        },",
            "    )",
        ]
    )
    for cloud in Cloud:
        screen.lines(["", f"  {cloud_name(cloud)} ({cloud.value})"])
        recording = record(partial(_program, cloud))
        screen.lines(f"    {_as_in_python(line)}" for line in recording.tree().splitlines())
        for warning in recording.warnings:
            screen.text(f"warning: {warning}", "yellow", indent=4)


def _program(cloud: Cloud) -> None:
    import pulumi

    from inference_edge_cache import InferenceEdgeCache
    from inference_edge_cache.local.demo_cache import PRESET

    InferenceEdgeCache(
        "e5",
        {
            "cloud": cloud,
            "origin": {"url": _ENDPOINT},
            "routes": [{"preset": PRESET}],
            "gateway": {"master_secret": pulumi.Output.secret(secrets.token_urlsafe(32))},
        },
    )


def _as_in_python(line: str) -> str:
    """``aws:s3/bucket:Bucket name`` as ``aws.s3.Bucket name``, and the component by its class."""
    return re.sub(r"(\w+):(\w+)/\w+:", r"\1.\2.", line).replace("inference-edge-cache:index:", "")


# After ---------------------------------------------------------------------------------------------------------------
def _say_next(screen: "Screen") -> None:
    from inference_edge_cache.local.demo_cache import PRESET

    screen.title("Next")
    screen.text("Put it in front of an endpoint of your own that has an OpenAI-compatible API:")
    screen.lines(
        [
            f"    {shlex.quote(_this_command())} serve \\",
            f"        --origin http://127.0.0.1:8000 --route {PRESET}",
        ]
    )
    screen.text("Ask that, with or without the last line; docs/sdk.md says more:")
    screen.lines(
        [
            "    from openai import DefaultHttpxClient, OpenAI",
            "",
            "    from inference_edge_cache.client import EdgeCacheTransport",
            "",
            "    client = OpenAI(",
            '        base_url="http://127.0.0.1:8787/v1",',
            '        api_key="any",',
            f"        {_TRANSPORT}",
            "    )",
        ]
    )
    screen.text("Deploy it with the Pulumi program above: docs/index.md (the quickstart) has every step.")


def _this_command() -> str:
    """What to type to run this program again: its name if the shell finds it, else where it is from here."""
    script, found = Path(sys.argv[0]), shutil.which(_COMMAND)
    if script.stem != _COMMAND or (found and script.exists() and script.samefile(found)):
        return _COMMAND
    here = os.path.relpath(script)
    return str(script.absolute()) if here.startswith(os.pardir) else here
