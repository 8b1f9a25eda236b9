"""A purge: first the results bucket, then the edge. The other way round the edge would fill again from the bucket.

Doing it again is safe: what is gone stays gone, and one more invalidation of the same paths changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.operations.targets import Deployment, Extent

PRICED = "2026-11"
"""The month of the prices below."""

FREE_PATHS = 1_000
USD_PER_PATH = 0.005
"""CloudFront: paths of invalidations that an account has free in a month, and what each further one costs. A path that
ends in ``*`` is one (docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/PayingForInvalidation.html). Media CDN
has no public price for them and limits their rate (cloud.google.com/media-cdn/docs/cache-invalidation)."""


class CloudRefused(EdgeCacheError):
    """A cloud did not do what it was asked. ``code`` is its own word for why; nothing of the request is in it."""

    def __init__(self, service: str, code: str) -> None:
        self.code = code
        super().__init__(f"{service}: {code}")


class Side(Protocol):
    """What a purge asks of a cloud. Each method raises ``CloudRefused``."""

    def names(self, prefix: str) -> Iterator[list[str]]:
        """The names of the objects that start with ``prefix``, in pieces that can be deleted at once."""
        ...

    def delete(self, names: list[str]) -> Mapping[str, int]:
        """Delete these objects. How many were refused, by code; one that is gone already is not."""
        ...

    def invalidate(self, path: str) -> str:
        """Make the edges forget a path, or with ``*`` after it all that start with it. The cloud's id for that."""
        ...


@dataclass
class Outcome:
    """What was done, and what was not."""

    deleted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """How many objects could not be deleted, by the cloud's code."""
    stopped: str = ""
    """Why it ended early, empty when it did not."""
    invalidation: str | None = None
    """The cloud's id of the invalidation, empty where it gives none; ``None`` when none was made."""

    @property
    def complete(self) -> bool:
        return self.invalidation is not None


def side_of(deployment: Deployment) -> Side:
    """The cloud that ``deployment`` is on. Raises ``MissingExtraError`` when its SDK is not installed."""
    if deployment.cloud is Cloud.AWS:
        from inference_edge_cache.operations.aws import AwsSide

        return AwsSide(deployment)
    from inference_edge_cache.operations.gcp import GcpSide

    return GcpSide(deployment)


def count(side: Side, extent: Extent) -> int:
    """How many objects a purge would delete."""
    return sum(len(names) for names in _names(side, extent))


def purge(side: Side, extent: Extent, edge_path: str, told: Callable[[int], object] = lambda _: None) -> Outcome:
    """Delete what ``extent`` names, then invalidate ``edge_path``. Never raises for what a cloud refuses.

    While an object is left the edge is not touched: it would have it again at once. ``told`` is called after each
    piece with how many objects it had.
    """
    outcome = Outcome()
    try:
        for names in _names(side, extent):
            refused = side.delete(names)
            outcome.refused.update(refused)
            outcome.deleted += len(names) - sum(refused.values())
            told(len(names))
        if not outcome.refused:
            outcome.invalidation = side.invalidate(edge_path)
    except CloudRefused as error:
        outcome.stopped = str(error)
    return outcome


def _names(side: Side, extent: Extent) -> Iterator[list[str]]:
    for names in side.names(extent.objects):
        found = [name for name in names if extent.holds(name)]
        if found:
            yield found
