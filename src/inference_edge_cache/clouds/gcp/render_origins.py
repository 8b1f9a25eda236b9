"""The origins: the endpoint, its failover, the bucket."""

import pulumi
from pulumi_gcp import networkservices as ns

from inference_edge_cache import capabilities as caps
from inference_edge_cache.clouds.gcp.render_labels import labels
from inference_edge_cache.clouds.gcp.values import duration, lifted
from inference_edge_cache.plan import EdgePlan
from inference_edge_cache.plan.model import OriginPlan

# The provider's default, HTTP2, has no fallback to HTTP/1.1, and HTTP/1.1 is all that many model servers speak.
_PROTOCOLS = {"https": "HTTPS", "http": "HTTP"}
_NOT_REACHED = "CONNECT_FAILURE"


def origin_args(plan: EdgePlan, failover_id: pulumi.Input[str] | None) -> ns.EdgeCacheOriginArgs:
    """The endpoint, with what sends a request to the failover origin when there is one."""
    conditions = plan.failover.conditions if plan.failover is not None else ()
    assert plan.origin is not None  # on this cloud every route reaches it, or the bucket
    args = _endpoint(plan, plan.origin)
    args.retry_conditions = [_NOT_REACHED, *(caps.GCP_RETRY_CONDITIONS[name] for name in conditions)]
    args.failover_origin = failover_id
    return args


def failover_origin_args(plan: EdgePlan, failover: OriginPlan) -> ns.EdgeCacheOriginArgs:
    """The second endpoint. Nothing comes after it."""
    return _endpoint(plan, failover)


def bucket_origin_args(plan: EdgePlan, bucket_name: pulumi.Input[str]) -> ns.EdgeCacheOriginArgs:
    """The bucket. Media CDN knows how to ask Cloud Storage: protocol, Host and credentials are its own business."""
    return ns.EdgeCacheOriginArgs(origin_address=lifted(bucket_name, lambda name: f"gs://{name}"), labels=labels(plan))


def _endpoint(plan: EdgePlan, origin: OriginPlan) -> ns.EdgeCacheOriginArgs:
    return ns.EdgeCacheOriginArgs(
        origin_address=origin.host,
        protocol=lifted(origin.scheme, lambda scheme: _PROTOCOLS[scheme]),
        port=origin.port,
        max_attempts=origin.attempts,
        retry_conditions=[_NOT_REACHED],
        timeout=_timeouts(origin),
        origin_override_action=_override(origin),
        flex_shielding=_shield(plan.origin_shield),
        labels=labels(plan),
    )


def _timeouts(origin: OriginPlan) -> ns.EdgeCacheOriginTimeoutArgs:
    whole_answer = caps.GCP_RESPONSE_TIMEOUT_MAX if origin.response_timeout is None else origin.response_timeout
    return ns.EdgeCacheOriginTimeoutArgs(
        connect_timeout=duration(origin.connect_timeout),
        # Attempts are bounded one by one and in number; together they get all the time that Media CDN gives.
        max_attempts_timeout=duration(caps.GCP_ATTEMPTS_TIMEOUT_MAX),
        read_timeout=duration(origin.read_timeout),
        response_timeout=duration(whole_answer),
    )


def _override(origin: OriginPlan) -> ns.EdgeCacheOriginOriginOverrideActionArgs:
    """Always rewrites Host: without it Media CDN sends the caller's, for which the endpoint has no certificate."""
    headers = [
        ns.EdgeCacheOriginOriginOverrideActionHeaderActionRequestHeadersToAddArgs(
            header_name=name, header_value=pulumi.Output.secret(value), replace=True
        )
        for name, value in origin.headers
    ]
    return ns.EdgeCacheOriginOriginOverrideActionArgs(
        url_rewrite=ns.EdgeCacheOriginOriginOverrideActionUrlRewriteArgs(host_rewrite=origin.host_header),
        header_action=ns.EdgeCacheOriginOriginOverrideActionHeaderActionArgs(request_headers_to_adds=headers)
        if headers
        else None,
    )


def _shield(region: str | None) -> ns.EdgeCacheOriginFlexShieldingArgs | None:
    """``europe-west3`` as the API's EUROPE_WEST3."""
    if region is None:
        return None
    return ns.EdgeCacheOriginFlexShieldingArgs(flex_shielding_regions=region.upper().replace("-", "_"))
