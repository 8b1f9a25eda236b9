"""Which cache is meant, by what its stack exports; and which of its answers.

What a stack exports is read as ``pulumi stack output --json`` prints it. The names are those of the component's
outputs, as Python or as JSON spells them (``cache_id``, ``cacheId``), at the top or inside an output that is an object.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import Problem
from inference_edge_cache.protocol import PathError, generation_prefix, parse_path
from inference_edge_cache.protocol.keys import SCOPE_LENGTH
from inference_edge_cache.protocol.paths import GENERATION_LENGTH, InferencePath, is_generation, is_route, route_prefix

CURRENT = "current"
"""In place of a generation: the one that the discovery document names."""

_CACHE_IDS = {
    # docs.aws.amazon.com/cloudfront/latest/APIReference/API_Distribution.html, as EDFDVBD632BHDS5
    Cloud.AWS: re.compile(r"[A-Z0-9]{6,32}"),
    # cloud.google.com/media-cdn/docs/reference/rest/v1/projects.locations.edgeCacheServices/invalidateCache
    Cloud.GCP: re.compile(r"projects/[a-z0-9.:-]+/locations/[a-z0-9-]+/edgeCacheServices/[A-Za-z0-9_-]+"),
}
# docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_CONFIG_URL = re.compile(r"https?://[^\s?#@]+")  # on GCP without a name of one's own: http, and no key goes there

# What is read of a stack's outputs, by the option that says the same, and under which names.
_OUTPUTS = {
    "--cache-id": ("cache_id", "cacheId"),
    "--results-bucket": ("results_bucket_name", "resultsBucketName"),
    "--config-url": ("config_url", "configUrl"),
}
_EXPORT = 'pulumi.export("cache", {"cache_id": cache.cache_id, "results_bucket_name": cache.results_bucket_name})'


@dataclass(frozen=True)
class Deployment:
    """A deployed cache. ``config_url`` is where its discovery document is, ``None`` when nobody said."""

    cloud: Cloud
    cache_id: str
    results_bucket: str
    config_url: str | None = None


def read_outputs(text: str, name: str | None) -> tuple[dict[str, str], list[Problem]]:
    """What a stack exports of one cache, by the option that says the same, and what keeps that from being read.

    ``name`` is the output that holds the cache, needed when there are several.
    """
    try:
        outputs = json.loads(text)
    except ValueError:
        outputs = None
    if not isinstance(outputs, dict):
        remedy = "write it with: pulumi stack output --json > outputs.json"
        return {}, [Problem("--stack-outputs", "", "is not the JSON object that pulumi prints", remedy)]
    caches = {output: value for output, value in outputs.items() if _is_cache(value)}
    if name is None and _is_cache(outputs):
        return _named(outputs), []
    if name is not None and name not in caches:
        known = f"name one of {', '.join(sorted(caches))}" if caches else f"export one: {_EXPORT}"
        return {}, [Problem.at("--name", name, "is no output with the cache_id of a cache in it", known)]
    if name is None and len(caches) != 1:
        limit = f"has {len(caches)} caches in it" if caches else "has no cache_id, at the top or inside an output"
        remedy = f"choose with --name: {', '.join(sorted(caches))}" if caches else f"export it: {_EXPORT}"
        return {}, [Problem("--stack-outputs", "", limit, remedy)]
    return _named(caches[name or next(iter(caches))]), []


def _is_cache(value: Any) -> bool:
    return isinstance(value, Mapping) and any(isinstance(value.get(name), str) for name in _OUTPUTS["--cache-id"])


def _named(outputs: Mapping[str, Any]) -> dict[str, str]:
    found = {option: next(filter(None, map(outputs.get, names)), None) for option, names in _OUTPUTS.items()}
    return {option: value for option, value in found.items() if isinstance(value, str)}


def deployment_of(said: Mapping[str, str]) -> tuple[Deployment | None, list[Problem]]:
    """The cache that is meant, by option; ``None`` with every problem when it is not one."""
    problems = []
    cache_id, bucket, config_url = (said.get(option) for option in _OUTPUTS)
    cloud = next((cloud for cloud, shape in _CACHE_IDS.items() if shape.fullmatch(cache_id or "")), None)
    remedy = "give the output cache_id of the component, or --stack-outputs with it"
    if not cache_id:
        problems.append(_missing("--cache-id", remedy))
    elif cloud is None:
        limit = "must be the id of a CloudFront distribution or of a Media CDN EdgeCacheService"
        problems.append(Problem.at("--cache-id", cache_id, limit, remedy))
    if bucket is None:
        remedy = "give the output results_bucket_name of the component; a cache without inference routes has none"
        problems.append(_missing("--results-bucket", remedy))
    elif not _BUCKET.fullmatch(bucket):
        remedy = "give the output results_bucket_name of the component"
        problems.append(Problem.at("--results-bucket", bucket, "must be the name of a bucket", remedy))
    if config_url is not None and not _CONFIG_URL.fullmatch(config_url):
        remedy = "give the output config_url of the component"
        problems.append(Problem.at("--config-url", config_url, "must be a URL", remedy))
    if cloud is None or bucket is None or cache_id is None or problems:
        return None, problems
    return Deployment(cloud, cache_id, bucket, config_url), []


def _missing(option: str, remedy: str) -> Problem:
    return Problem(option, "", "is missing", remedy)


# Which answers -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Extent:
    """Which answers: all, or those of a route, of a generation of it, of a scope in that, or a single one.

    ``key`` makes it a single one: with the rest it is a capability for that answer, and is not shown.
    """

    route: str | None = None
    generation: str | None = None
    scope: str | None = None
    key: str | None = field(default=None, repr=False)

    @property
    def prefix(self) -> str:
        """What the paths of all of them start with. The bucket has more under that of ``--all``: see ``holds``."""
        if self.route is None:
            return "/"
        if self.generation is None:
            return route_prefix(self.route)
        return generation_prefix(self.route, self.generation, self.scope)

    @property
    def objects(self) -> str:
        """What the names of their objects start with; the whole name of a single one."""
        return f"{self.prefix}{self.key or ''}".removeprefix("/")

    def holds(self, name: str) -> bool:
        """Whether the object of that name, which starts as it should, is one of them: the path of an answer. Else the
        discovery document would go too, and whatever there is in a bucket that was named by mistake."""
        return name == self.objects if self.key else parse_path(f"/{name}") is not None

    def edge_path(self, cloud: Cloud) -> str:
        """What is invalidated: the path of a single answer, or a prefix with ``*`` after it.

        CloudFront refuses a path with ``~`` in it as an InvalidArgument, and takes ``%7E`` without effect
        (github.com/aws/aws-sdk/issues/525). So there it is everything below the route: the edges have it again from
        the bucket, without the model.
        """
        if self.key and cloud is not Cloud.AWS:
            return f"{self.prefix}{self.key}"
        return f"{self.prefix if self.route is None or cloud is not Cloud.AWS else _below(self.route)}*"

    def in_words(self) -> str:
        """Which, without what is a capability."""
        if self.route is None:
            return "every result of every route"
        return f"{'one result' if self.key else 'every result'} under {self.prefix}"


def _below(route: str) -> str:
    return "/" if route == "/" else f"{route}/"


def extent_of(
    *, route: str | None, generation: str | None, scope: str | None, path: str | None, everything: bool
) -> tuple[Extent, list[Problem]]:
    """Which answers are meant, and every problem with what was said.

    ``generation`` may be ``CURRENT``; with a scope that is also the default, else all generations are meant.
    """
    problems = []
    given = [option for option, value in (("--route", route), ("--path", path), ("--all", everything)) if value]
    if len(given) != 1:
        limit = f"{' and '.join(given)} do not go together" if given else "nothing says what to purge"
        problems.append(Problem("purge", "", limit, "give one of --route, --path and --all"))
    if route is not None and not is_route(route):
        remedy = "give the path of the route as the program does: /v1/embeddings"
        problems.append(Problem.at("--route", route, "is no path that an inference route can have", remedy))
    for option, value in (("--generation", generation), ("--scope", scope)):
        if value is not None and route is None:
            problems.append(Problem.at(option, value, "is about one route", "name it with --route"))
    if generation not in (None, CURRENT) and not is_generation(generation):
        remedy = f"take it from the discovery document, or say {CURRENT}"
        problems.append(
            Problem.at("--generation", generation, f"must be {GENERATION_LENGTH} characters of base64url", remedy)
        )
    if scope is not None and not _is_scope(scope):
        remedy = "it is the second part of the tenant's API key: iec1.<scope>.<key>"
        problems.append(Problem("--scope", "", f"must be {SCOPE_LENGTH} characters of base64url", remedy))
    single = None if path is None else parse_path(path)
    if path is not None and single is None:
        remedy = "give it as Content-Location names it: <route>/~/<generation>/<scope>/<key>"
        problems.append(Problem("--path", "", "is not the path of an answer", remedy))
    if single is not None:
        return Extent(single.route, single.generation, single.scope, single.key), problems
    chosen = CURRENT if scope is not None and generation is None else generation
    return Extent(route, chosen, scope), problems


def _is_scope(text: str) -> bool:
    try:
        InferencePath("/", "-" * GENERATION_LENGTH, text, "A" * 43)
    except PathError:
        return False
    return True
