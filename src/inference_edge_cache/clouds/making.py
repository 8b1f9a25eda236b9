"""How a resource is made: named, parented and overridden in one place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pulumi

from inference_edge_cache.clouds.overrides import merged
from inference_edge_cache.plan import EdgePlan
from inference_edge_cache.plan.children import child_name

ResourceT = TypeVar("ResourceT", bound=pulumi.Resource)


@dataclass(frozen=True)
class Maker:
    """Makes children of ``parent`` for ``plan``."""

    plan: EdgePlan
    parent: pulumi.Resource
    after: tuple[pulumi.Resource, ...] = ()
    """What everything waits for."""

    def __call__(
        self,
        resource: Callable[[str, Any, pulumi.ResourceOptions], ResourceT],
        child: str,
        args: object,
        *,
        digest: str = "",
        depends_on: Sequence[pulumi.Resource] | None = None,
        custom_timeouts: pulumi.CustomTimeouts | None = None,
    ) -> ResourceT:
        """Make ``child`` as a ``resource`` with ``args`` and what ``overrides`` says of it."""
        name = child_name(self.plan.name, self.plan.cloud, child, digest)
        wanted = merged(args, self.plan.overrides.get(child, {}))
        waits = [*self.after, *(depends_on or ())] or None
        opts = pulumi.ResourceOptions(parent=self.parent, depends_on=waits, custom_timeouts=custom_timeouts)
        return resource(name, wanted, opts)
