"""``inference-edge-cache demo``: a real model, the local edge, real sentences, and what Pulumi would create."""

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.cli.options import CloudOption, PolicyOption, PortOption, whole_number
from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.policy import CacheMode, CachePolicy, load_policy, parse_policy

if TYPE_CHECKING:
    from inference_edge_cache.cli.screen import Screen

_REQUESTS, _MOST_REQUESTS = 1500, 1_000_000
_POLICY_FILE = "demo_policy.yaml"
_SECONDS_TO_ANSWER = 60
_COMMAND = "inference-edge-cache"


def demo(
    policy: PolicyOption = None,
    cloud: CloudOption = Cloud.AWS,
    requests: Annotated[
        int,
        typer.Option(
            "--requests",
            metavar="N",
            parser=whole_number("--requests", 1, _MOST_REQUESTS),
            help="How many requests to replay.",
        ),
    ] = _REQUESTS,
    port: PortOption = 0,
) -> None:
    """Put a cache in front of a real transformer on this machine, and count what it saves.

    Nothing leaves this machine, nothing is deployed, and everything it starts is stopped at the end.
    """
    if policy:
        chosen, text = load_policy(policy), policy.read_text("utf-8")
    else:
        text = files("inference_edge_cache.local").joinpath(_POLICY_FILE).read_text("utf-8")
        chosen = parse_policy(text, _POLICY_FILE)

    from inference_edge_cache.cli.deployable import check_deployable
    from inference_edge_cache.cli.screen import Screen
    from inference_edge_cache.cli.stopping import terminated_cleanly
    from inference_edge_cache.local import LocalEdge
    from inference_edge_cache.local.demo_model import demo_model

    check_deployable(chosen, cloud)
    _check_key(chosen)
    screen = Screen()
    with terminated_cleanly():
        with demo_model() as model, LocalEdge(model, chosen, cloud, port=port) as edge:
            _say_what_is_real(screen, edge.url, cloud)
            _say_policy(screen, chosen, text, str(policy or _POLICY_FILE))
            _replay(screen, model, edge.url, requests)
            _post(screen, model, edge.url)
        _say_resources(screen, chosen)
    _say_next(screen, policy)


def _check_key(policy: CachePolicy) -> None:
    """Raises ``EdgeCacheError`` when the answers to two of the demo's sentences would be kept under one key."""
    from inference_edge_cache.local.key import keyed_parameters

    needed = ("model", "text")
    keyed = keyed_parameters(policy, "&".join(needed))
    missing = [name for name in needed if name not in keyed]
    if missing and policy.mode != CacheMode.BYPASS:
        left_out = " and ".join(missing)
        raise EdgeCacheError(
            f"the policy's key leaves out {left_out}, which the demo's model needs: "
            f"put {left_out} into the key, or try the policy in front of your own endpoint with serve"
        )


# Before --------------------------------------------------------------------------------------------------------------
def _say_what_is_real(screen: "Screen", url: str, cloud: Cloud) -> None:
    from inference_edge_cache.cli.words import cloud_name
    from inference_edge_cache.local.demo_model import MODEL
    from inference_edge_cache.local.demo_traffic import SEED

    screen.title("An edge cache in front of a model", f"as {cloud_name(cloud)} would run it")
    screen.pairs(
        [
            ("edge", f"{url}, until the end of this demo"),
            (
                "real",
                f"the model ({MODEL}, a transformer, on this CPU), the sentences (from Python's own documentation), "
                "the HTTP, the cache and its store",
            ),
            ("made up", f"which sentence is asked for when: a few often, most rarely (Zipf, fixed seed {SEED})"),
        ]
    )


def _say_policy(screen: "Screen", policy: CachePolicy, text: str, name: str) -> None:
    screen.title("Policy", name)
    screen.lines(f"  {line}" for line in text.rstrip().splitlines())
    if policy.mode == CacheMode.BYPASS:
        screen.text("It keeps nothing: every request reaches the model.")


# Replay --------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Replay:
    """Seconds of each hit and each miss, as the caller saw them."""

    hits: list[float] = field(default_factory=list[float])
    misses: list[float] = field(default_factory=list[float])


def _replay(screen: "Screen", model: str, edge: str, requests: int) -> None:
    from inference_edge_cache.cli.words import counted

    screen.title("Replay", f"GET /v1/embed?model=...&text=...&request_id=..., {counted(requests, 'time')}")
    before = _model_calls(model)
    replay = _ask_all(screen, edge, requests)
    calls = _model_calls(model) - before

    screen.lines([f"  {'':6}{'requests':>12}{'share':>10}{'p50':>12}{'p99':>12}"], "dim")
    for name, seconds in (("hit", replay.hits), ("miss", replay.misses)):
        share = len(seconds) / requests
        screen.lines([f"  {name:6}{len(seconds):>12,}{share:>10.1%}{_ms(seconds, 50):>12}{_ms(seconds, 99):>12}"])
    agree = calls == len(replay.misses)
    screen.lines([""])
    screen.pairs(
        [
            ("saved", f"{requests - calls:,} of {counted(requests, 'model call')} ({1 - calls / requests:.1%})"),
            (
                "counted",
                f"{counted(calls, 'call')} by the model itself, {counted(len(replay.misses), 'miss', 'misses')} "
                "by the caller from X-Cache: "
                f"they {'agree' if agree else 'DO NOT AGREE'}",
            ),
        ]
    )
    if not agree:
        raise typer.Exit(1)


def _ask_all(screen: "Screen", edge: str, requests: int) -> _Replay:
    import httpx
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from inference_edge_cache.local.demo_model import MODEL
    from inference_edge_cache.local.demo_traffic import replayed

    replay = _Replay()
    columns = (TextColumn(" "), BarColumn(), MofNCompleteColumn(), TextColumn("hits {task.fields[hits]:.0%}"))
    bar = Progress(*columns, console=screen.console, transient=True, disable=not screen.console.is_terminal)
    with bar, httpx.Client(base_url=edge, trust_env=False, timeout=_SECONDS_TO_ANSWER) as client:
        task = bar.add_task("", total=requests, hits=0.0)
        for number, sentence in enumerate(replayed(requests)):
            started = perf_counter()
            answer = client.get("/v1/embed", params={"model": MODEL, "text": sentence, "request_id": number})
            seconds = perf_counter() - started
            if answer.status_code != httpx.codes.OK:
                raise EdgeCacheError(f"the edge answered {answer.status_code}: {answer.text}")
            (replay.hits if answer.headers["x-cache"].startswith("Hit") else replay.misses).append(seconds)
            bar.update(task, advance=1, hits=len(replay.hits) / (number + 1))
    return replay


def _model_calls(model: str) -> int:
    """What the model itself says it has computed, asked for without the edge."""
    import httpx

    return httpx.get(f"{model}/v1/calls", trust_env=False).json()["calls"]


def _ms(seconds: Sequence[float], percentile: int) -> str:
    if not seconds:
        return "-"
    value = quantiles(seconds, n=100, method="inclusive")[percentile - 1] if len(seconds) > 1 else seconds[0]
    return f"{value * 1000:.1f} ms"


# POST ----------------------------------------------------------------------------------------------------------------
def _post(screen: "Screen", model: str, edge: str) -> None:
    import httpx

    from inference_edge_cache.local.demo_model import MODEL
    from inference_edge_cache.local.demo_traffic import sentences

    before = _model_calls(model)
    body = {"model": MODEL, "text": sentences()[0]}
    answers = [httpx.post(f"{edge}/v1/embed", json=body, trust_env=False, timeout=_SECONDS_TO_ANSWER) for _ in range(2)]
    screen.title("POST", "/v1/embed, the most popular sentence, twice")
    screen.pairs(
        [
            ("X-Cache", ", then ".join(answer.headers["x-cache"] for answer in answers)),
            ("model calls", str(_model_calls(model) - before)),
        ]
    )
    screen.text(
        "Neither cloud ever keeps the answer to a POST: a CDN in front of a POST endpoint saves nothing. Ask by GET, "
        "as above, with everything that changes the answer in the URL."
    )


# Resources -----------------------------------------------------------------------------------------------------------
def _say_resources(screen: "Screen", policy: CachePolicy) -> None:
    from inference_edge_cache.cli.words import cloud_name
    from inference_edge_cache.errors import InvalidArgsError
    from inference_edge_cache.testing import record

    screen.title("What Pulumi would create", "for this policy and a bucket; nothing is created now")
    for cloud in Cloud:
        screen.lines(["", f"  {cloud_name(cloud)} ({cloud.value})"])
        try:
            recording = record(_program(policy, cloud))
        except InvalidArgsError as error:
            screen.lines(f"    {line}" for line in str(error).splitlines())
            continue
        screen.lines(f"    {_as_in_python(line)}" for line in recording.tree().splitlines())
        for warning in recording.warnings:
            screen.text(f"warning: {warning}", "yellow", indent=4)


def _program(policy: CachePolicy, cloud: Cloud) -> Callable[[], object]:
    def program() -> object:
        from inference_edge_cache import InferenceEdgeCache

        return InferenceEdgeCache(
            "e5",
            {"cloud": cloud, "origin": {"url": "https://model.example.com"}, "policy": policy, "bucket": {}},
        )

    return program


def _as_in_python(line: str) -> str:
    """``aws:s3/bucket:Bucket name`` as ``aws.s3.Bucket name``, and the component by its class."""
    return re.sub(r"(\w+):(\w+)/\w+:", r"\1.\2.", line).replace("inference-edge-cache:index:", "")


# After ---------------------------------------------------------------------------------------------------------------
def _say_next(screen: "Screen", policy: Path | None) -> None:
    file = str(policy or "policy.yaml")
    screen.title("Next")
    if policy is None:
        screen.text(f"Save the policy above as {file}, and try it in front of your own endpoint:")
    else:
        screen.text("Try your policy in front of your own endpoint:")
    screen.lines(
        [
            f"    {shlex.quote(_this_command())} serve \\",
            f"        --origin http://127.0.0.1:8000 --policy {shlex.quote(file)}",
        ]
    )
    screen.text("Deploy it with a Pulumi program; docs/index.md (the quickstart) has every step:")
    screen.lines(
        [
            "    from inference_edge_cache import InferenceEdgeCache, load_policy",
            "",
            "    InferenceEdgeCache(",
            '        "embeddings",',
            "        {",
            '            "cloud": "aws",',
            '            "origin": {"url": "https://model.example.com"},',
            f'            "policy": load_policy({json.dumps(file)}),',
            "        },",
            "    )",
        ]
    )


def _this_command() -> str:
    """What to type to run this program again: its name if the shell finds it, else where it is from here."""
    script, found = Path(sys.argv[0]), shutil.which(_COMMAND)
    if script.stem != _COMMAND or (found and script.exists() and script.samefile(found)):
        return _COMMAND
    here = os.path.relpath(script)
    return str(script.absolute()) if here.startswith(os.pardir) else here
