"""``InferenceEdgeCache``: arguments, plan, backend, outputs.

No ``from __future__ import annotations`` here: Pulumi's component analyzer reads the annotations.
"""

from typing import TYPE_CHECKING, Any, Optional, cast

import pulumi

from inference_edge_cache.args import InferenceEdgeCacheArgs
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.clouds import Backend, load_cloud
from inference_edge_cache.errors import EdgeCacheError, InvalidArgsError, MissingExtraError, Problem
from inference_edge_cache.plan import make_plan

if TYPE_CHECKING:
    from inference_edge_cache.clouds.aws.resources import AwsResources
    from inference_edge_cache.clouds.gcp.resources import GcpResources

TYPE = "inference-edge-cache:index:InferenceEdgeCache"
"""The type token, for ever: another one would replace every user's resources."""


class InferenceEdgeCache(pulumi.ComponentResource):
    """An edge cache in front of an AI-inference endpoint.

    CDNs cache GET and HEAD, never POST. On an inference route a gateway behind the CDN answers POST from what it has
    stored, and client transports turn it into a GET that the edge answers. Past the gateway, other methods than GET
    and HEAD reach the endpoint uncached.

    Example:

        cache = InferenceEdgeCache(
            "embeddings",
            {
                "cloud": "aws",
                "origin": {"url": "https://model.example.com"},
                "policy": CachePolicy(default_ttl="1h", max_ttl="24h"),
            },
        )
        pulumi.export("url", cache.url)

    Raises ``InvalidArgsError``, before anything is made, with all problems of ``args``.

    :param name: name of the component, and the first part of the name of everything it makes. Up to 40 letters, digits
        and hyphens, starting with a letter.
    :param args: see ``InferenceEdgeCacheArgs``.
    :param opts: Pulumi's resource options; ``protect``, ``provider`` and ``providers`` reach everything it makes.
    """

    url: pulumi.Output[str]
    """Where the cache answers: ``https://`` and the first custom domain name, or the cloud's own name or address."""
    domain_name: pulumi.Output[str]
    """Where to point DNS at: the distribution's domain name (AWS), the service's IPv4 address (GCP)."""
    cache_id: pulumi.Output[str]
    """Id of the CloudFront distribution or of the Media CDN EdgeCacheService."""
    bucket_name: pulumi.Output[Optional[str]]
    """Name of the bucket, if there is one."""
    bucket_policy_statement: pulumi.Output[Optional[str]]
    """AWS, with an existing bucket: the statement to add to its bucket policy, as JSON. That bucket is not modified."""

    config_url: pulumi.Output[Optional[str]]
    """With inference routes: the document that client transports learn of them from."""
    results_bucket_name: pulumi.Output[Optional[str]]
    """With inference routes: name of the bucket that results are kept in, for ``inference-edge-cache purge``."""

    def __init__(
        self,
        name: str,
        args: InferenceEdgeCacheArgs,
        opts: Optional[pulumi.ResourceOptions] = None,
    ) -> None:
        super().__init__(TYPE, name, {}, opts)
        backend = _backend(name, args)
        plan = make_plan(name, args, overrides_rule=backend.overrides_problems if backend else None)
        for warning in plan.warnings:
            pulumi.log.warn(f"{name}: {warning}", resource=self)
        assert backend is not None  # make_plan refuses a cloud that has no backend
        deployed = backend.deploy(plan, parent=self)
        self._resources = deployed.resources
        self._cloud = plan.cloud
        self.url = deployed.url
        self.domain_name = deployed.domain_name
        self.cache_id = deployed.cache_id
        self.bucket_name = deployed.bucket_name
        self.bucket_policy_statement = deployed.bucket_policy_statement
        self.config_url = pulumi.Output.from_input(deployed.config_url)
        self.results_bucket_name = pulumi.Output.from_input(deployed.results_bucket_name)
        self.register_outputs(
            {
                "url": self.url,
                "domainName": self.domain_name,
                "cacheId": self.cache_id,
                "bucketName": self.bucket_name,
                "bucketPolicyStatement": self.bucket_policy_statement,
                "configUrl": self.config_url,
                "resultsBucketName": self.results_bucket_name,
            }
        )

    @property
    def aws(self) -> "AwsResources":
        """The AWS resources behind the cache, as a frozen dataclass. Raises ``EdgeCacheError`` on another cloud."""
        return cast("AwsResources", self._resources_of(Cloud.AWS))

    @property
    def gcp(self) -> "GcpResources":
        """The GCP resources behind the cache, as a frozen dataclass. Raises ``EdgeCacheError`` on another cloud."""
        return cast("GcpResources", self._resources_of(Cloud.GCP))

    def _resources_of(self, cloud: Cloud) -> Any:
        if self._cloud is not cloud:
            raise EdgeCacheError(
                f"this cache runs on {self._cloud.value}: use .{self._cloud.value}, not .{cloud.value}"
            )
        return self._resources


def _backend(name: str, args: Any) -> Optional[Backend]:
    """The backend that ``args`` ask for, or None when they name none: then the plan says what is wrong with them."""
    try:
        cloud = Cloud(args["cloud"])
    except (KeyError, TypeError, ValueError):
        return None
    try:
        return load_cloud(cloud)
    except MissingExtraError as error:
        problem = Problem("cloud", repr(cloud.value), "its SDK is not installed", str(error), kind="unsupported")
        raise InvalidArgsError(name, [problem]) from error
