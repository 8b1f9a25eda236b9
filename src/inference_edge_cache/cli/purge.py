"""``inference-edge-cache purge``: make a deployed cache forget answers, in its bucket and at its edge."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inference_edge_cache.errors import EdgeCacheError

if TYPE_CHECKING:
    from inference_edge_cache.cli.screen import Screen
    from inference_edge_cache.errors import Problem
    from inference_edge_cache.operations.purge import Outcome, Side
    from inference_edge_cache.operations.targets import Deployment, Extent

_NOT_DONE = 1


def purge(
    route: Annotated[
        str | None, typer.Option("--route", metavar="PATH", help="The results of this route: /v1/embeddings.")
    ] = None,
    generation: Annotated[
        str | None,
        typer.Option(
            "--generation",
            metavar="G",
            help="Only those of this generation; current takes it from the discovery document. Default: all of them, "
            "with --scope the current one.",
        ),
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            "--scope", metavar="S", help="Only those of this tenant: the second part of its API key, iec1.S.K."
        ),
    ] = None,
    path: Annotated[
        str | None, typer.Option("--path", metavar="PATH", help="One result, by the path that Content-Location names.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The results of all routes, and everything else at the edge.")
    ] = False,
    stack_outputs: Annotated[
        Path | None,
        typer.Option(
            "--stack-outputs",
            metavar="FILE",
            help="What pulumi stack output --json printed; - reads it from standard input.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="OUTPUT", help="The output that holds the cache, when there are several."),
    ] = None,
    cache_id: Annotated[
        str | None, typer.Option("--cache-id", metavar="ID", help="The component's cache_id, without stack outputs.")
    ] = None,
    results_bucket: Annotated[
        str | None,
        typer.Option("--results-bucket", metavar="BUCKET", help="Its results_bucket_name, without stack outputs."),
    ] = None,
    config_url: Annotated[
        str | None,
        typer.Option("--config-url", metavar="URL", help="Its config_url, for the current generation."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete results from the bucket of a deployed cache, then invalidate the same ones at its edge.

    Exit code 0 when all of it is done, 1 when some is not (running it again is safe), 2 when the input is wrong.
    """
    from inference_edge_cache.cli.screen import Screen
    from inference_edge_cache.operations.problems import OperationError
    from inference_edge_cache.operations.purge import CloudRefused, count, side_of
    from inference_edge_cache.operations.targets import extent_of

    given = {"--cache-id": cache_id, "--results-bucket": results_bucket, "--config-url": config_url}
    given = {option: value for option, value in given.items() if value is not None}
    deployment, problems = _deployment(given, stack_outputs, name)
    extent, more = extent_of(route=route, generation=generation, scope=scope, path=path, everything=everything)
    problems += [*more, *(_current_problems(extent, deployment) if deployment else ())]
    if not (dry_run or yes or sys.stdin.isatty()):
        problems.append(_unasked())
    if deployment is None or problems:
        raise OperationError("the purge", problems)
    extent = _resolved(extent, deployment)
    screen, side = Screen(), side_of(deployment)
    try:
        number = count(side, extent)
    except CloudRefused as error:
        said = f"the bucket {deployment.results_bucket} cannot be listed: {error}.{_advice(str(error))}"
        raise EdgeCacheError(f"{said} Nothing was deleted") from error
    _say_plan(screen, deployment, extent, number)
    if dry_run:
        screen.text("Nothing was deleted, and nothing invalidated: --dry-run.")
        return
    if not yes and not typer.confirm("Purge?", err=True):
        screen.text("Nothing was deleted, and nothing invalidated.")
        raise typer.Exit(_NOT_DONE)
    outcome = _purged(screen, side, deployment, extent, number)
    _say_outcome(screen, deployment, extent, outcome)
    if not outcome.complete:
        raise typer.Exit(_NOT_DONE)


# What was said --------------------------------------------------------------------------------------------------------
def _deployment(said: dict[str, str], file: Path | None, name: str | None) -> "tuple[Deployment | None, list[Problem]]":
    from inference_edge_cache.errors import Problem
    from inference_edge_cache.operations.targets import deployment_of, read_outputs

    if file is None:
        deployment, problems = deployment_of(said)
        if name is not None:
            problems.append(Problem.at("--name", name, "is about stack outputs", "give them with --stack-outputs"))
        return deployment, problems
    outputs, problems = read_outputs(_text_of(file), name)
    if problems:
        return None, problems
    return deployment_of({**outputs, **said})


def _text_of(file: Path) -> str:
    if str(file) == "-":
        return sys.stdin.read()
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise EdgeCacheError(f"{file}: not UTF-8 text") from None
    except OSError as error:
        raise EdgeCacheError(f"{file}: {error.strerror}") from error


def _current_problems(extent: "Extent", deployment: "Deployment") -> "list[Problem]":
    from inference_edge_cache.errors import Problem
    from inference_edge_cache.operations.targets import CURRENT

    if extent.generation != CURRENT or deployment.config_url is not None:
        return []
    remedy = "give its output config_url with --config-url or in the stack outputs, or name the --generation"
    return [Problem("--generation", "", "only the cache's discovery document names the current one", remedy)]


def _unasked() -> "Problem":
    from inference_edge_cache.errors import Problem

    return Problem("--yes", "", "is missing, and there is no terminal to ask at", "say --yes, or look with --dry-run")


def _resolved(extent: "Extent", deployment: "Deployment") -> "Extent":
    """``extent`` with the generation that the discovery document names, where it is to be the current one."""
    from dataclasses import replace

    from inference_edge_cache.operations.discovery import fetch_config
    from inference_edge_cache.operations.targets import CURRENT

    if extent.generation != CURRENT or extent.route is None or deployment.config_url is None:
        return extent
    config = fetch_config(deployment.config_url)
    route = config.route(extent.route)
    if route is None:
        known = ", ".join(each.path for each in config.routes) or "none"
        raise EdgeCacheError(f"--route {extent.route}: the cache has no such inference route; it has {known}")
    return replace(extent, generation=route.generation)


# What is said ---------------------------------------------------------------------------------------------------------
def _say_plan(screen: "Screen", deployment: "Deployment", extent: "Extent", number: int) -> None:
    from inference_edge_cache.capabilities import Cloud
    from inference_edge_cache.cli.words import cloud_name, counted

    widened = extent.route is not None and deployment.cloud is Cloud.AWS
    _say(
        screen,
        ("cache", f"{cloud_name(deployment.cloud)}, {deployment.cache_id}"),
        ("bucket", deployment.results_bucket),
        ("delete", f"{counted(number, 'object')}: {extent.in_words()}"),
        ("invalidate", _invalidated(deployment, extent)),
        *([("", "CloudFront takes no ~ there; what is not deleted comes back from the bucket")] if widened else []),
        ("cost", _cost(deployment)),
    )


def _say(screen: "Screen", *rows: tuple[str, str]) -> None:
    """Subjects with what there is to say, unfolded: a path that is broken in two cannot be copied."""
    screen.lines(f"  {subject.ljust(11)}  {text}" for subject, text in rows)


def _invalidated(deployment: "Deployment", extent: "Extent") -> str:
    """What is invalidated, in words: the path of a single answer is a capability for it."""
    path = extent.edge_path(deployment.cloud)
    return path if path.endswith("*") else "the path of that result"


def _cost(deployment: "Deployment") -> str:
    from inference_edge_cache.capabilities import Cloud
    from inference_edge_cache.operations.purge import FREE_PATHS, PRICED, USD_PER_PATH

    if deployment.cloud is Cloud.AWS:
        return (
            f"1 path; {FREE_PATHS:,} a month are free in an account, then ${USD_PER_PATH} each (list price, {PRICED})"
        )
    return f"1 invalidation: no public price ({PRICED}); Media CDN limits their rate"


def _purged(screen: "Screen", side: "Side", deployment: "Deployment", extent: "Extent", number: int) -> "Outcome":
    from inference_edge_cache.cli.progress import progress_of
    from inference_edge_cache.operations.purge import purge

    with progress_of(screen, "deleting", number) as told:
        return purge(side, extent, extent.edge_path(deployment.cloud), told)


_IN_EFFECT = {"aws": "in effect within seconds", "gcp": "in effect in about a minute"}


def _say_outcome(screen: "Screen", deployment: "Deployment", extent: "Extent", outcome: "Outcome") -> None:
    from inference_edge_cache.cli.words import counted

    refused = [f"{counted(number, 'object')} not: {code}" for code, number in sorted(outcome.refused.items())]
    deleted = "; ".join([counted(outcome.deleted, "object"), *refused])
    if outcome.complete:
        known = f" as {outcome.invalidation}" if outcome.invalidation else ""
        invalidated = f"{_invalidated(deployment, extent)}{known}, {_IN_EFFECT[deployment.cloud]}"
    else:
        invalidated = "nothing: the edge may still answer with what was deleted"
    screen.title("Purged" if outcome.complete else "Not all is purged")
    _say(screen, ("deleted", deleted), ("invalidated", invalidated))
    if outcome.stopped:
        screen.text(f"It stopped at an error of {outcome.stopped}.{_advice(outcome.stopped)}", "yellow")
    if not outcome.complete:
        screen.text("Run the same command again when that is mended: it is safe, and goes on where this ended.")


# docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html: 15 wildcards in progress.
_ADVICE = {
    "TooManyInvalidationsInProgress": " A distribution takes 15 invalidations with * at a time: wait for them to end.",
    "AccessDenied": " The credentials need s3:ListBucket, s3:DeleteObject and cloudfront:CreateInvalidation.",
    "403": " The credentials need storage.objects.list, storage.objects.delete and "
    "networkservices.edgeCacheServices.invalidateCache.",
    "429": " Media CDN limits the rate of invalidations: wait a minute.",
    "NoSuchDistribution": " Is --cache-id the one of this account?",
}


def _advice(stopped: str) -> str:
    return next((advice for code, advice in _ADVICE.items() if code in stopped), "")
