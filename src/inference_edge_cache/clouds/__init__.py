"""The backends, one folder per cloud. Each is loaded when a cache on its cloud is made, and needs its own extra."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import pulumi

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import MissingExtraError, Problem
from inference_edge_cache.plan import EdgePlan

if TYPE_CHECKING:
    from inference_edge_cache.clouds.aws.resources import AwsResources
    from inference_edge_cache.clouds.gcp.resources import GcpResources


@dataclass(frozen=True)
class Deployed:
    """What a backend made: the component's outputs, and the resources behind them for the escape hatch."""

    url: pulumi.Output[str]
    domain_name: pulumi.Output[str]
    cache_id: pulumi.Output[str]
    bucket_name: pulumi.Output[str | None]
    bucket_policy_statement: pulumi.Output[str | None]
    resources: "AwsResources | GcpResources"
    config_url: pulumi.Output[str] | None = None
    """Where the gateway's discovery document is. None without a gateway."""
    results_bucket_name: pulumi.Output[str] | None = None
    """Name of the bucket that the gateway keeps results in. None without a gateway."""


class Backend(Protocol):
    """What a cloud's package offers."""

    def overrides_problems(self, overrides: Mapping[str, Any], plan: EdgePlan | None) -> list[Problem]:
        """What is wrong in ``overrides``: arguments the provider's SDK does not know, children ``plan`` does not make.

        ``plan`` is None when other arguments are wrong.
        """
        ...

    def deploy(self, plan: EdgePlan, parent: pulumi.Resource) -> Deployed:
        """Create the resources of ``plan`` as children of ``parent``."""
        ...


_SDKS = {Cloud.AWS: "pulumi_aws", Cloud.GCP: "pulumi_gcp"}


def load_cloud(cloud: Cloud) -> Backend:
    """The backend of ``cloud``. Raises ``MissingExtraError`` with the pip line when its SDK is not installed."""
    try:
        return cast(Backend, importlib.import_module(f"{__name__}.{cloud.value}"))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != _SDKS[cloud]:
            raise
        raise MissingExtraError(cloud.value, f'A cache with cloud "{cloud.value}"') from error
