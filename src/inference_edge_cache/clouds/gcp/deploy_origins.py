"""Makes the origins of the service, and the grants by which Media CDN reads those that are buckets."""

import pulumi
from pulumi_gcp import networkservices as ns
from pulumi_gcp import organizations, storage

from inference_edge_cache.clouds.gcp import render_bucket
from inference_edge_cache.clouds.making import Maker

# As long as the provider itself waits for one: Media CDN takes its time.
_TIMEOUTS = pulumi.CustomTimeouts(create="120m", update="120m", delete="120m")


def make_origin(make: Maker, child: str, args: ns.EdgeCacheOriginArgs) -> ns.EdgeCacheOrigin:
    return make(ns.EdgeCacheOrigin, child, args, custom_timeouts=_TIMEOUTS)


def make_reader(
    make: Maker, child: str, bucket_name: pulumi.Input[str], origin: ns.EdgeCacheOrigin
) -> storage.BucketIAMMember:
    """The grant, after the bucket's origin: in a project that has none yet there is no service agent to grant it to."""
    opts = pulumi.InvokeOutputOptions(parent=make.parent, depends_on=list(make.after))
    project = organizations.get_project_output(opts=opts)
    args = render_bucket.bucket_reader_args(bucket_name, project.number)
    return make(storage.BucketIAMMember, child, args, depends_on=[origin])
