"""The origins: the endpoint, its failover, the bucket; the gateway, and the results in front of it."""

import pulumi
from pulumi_gcp import networkservices as ns

from inference_edge_cache import capabilities as caps
from inference_edge_cache.clouds.gcp.render_labels import labels
from inference_edge_cache.clouds.gcp.values import duration, lifted
from inference_edge_cache.gateway.passing import ORIGIN_PROOF_HEADER
from inference_edge_cache.plan import EdgePlan
from inference_edge_cache.plan.model import GatewayPlan, OriginPlan

# The provider's default, HTTP2, has no fallback to HTTP/1.1, and HTTP/1.1 is all that many model servers speak.
_PROTOCOLS = {"https": "HTTPS", "http": "HTTP"}
_NOT_REACHED = "CONNECT_FAILURE"

RESULTS_FAIL_OVER_ON = (_NOT_REACHED, "HTTP_5XX", "RETRIABLE_4XX", "NOT_FOUND", "FORBIDDEN")
"""Whatever else the bucket says (429, where many ask at once), the gateway looks itself; a 404 it says itself where it
has nothing."""

RESULTS_CONNECT_TIMEOUT = 5
"""Seconds, the provider's default. Attempts at both origins together have 30: the gateway keeps its 15."""


def origin_args(plan: EdgePlan, failover_id: pulumi.Input[str] | None) -> ns.EdgeCacheOriginArgs:
    """The endpoint, with what sends a request to the failover origin when there is one."""
    conditions = plan.failover.conditions if plan.failover is not None else ()
    assert plan.origin is not None  # made where it is
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


def gateway_origin_args(
    plan: EdgePlan, gateway: GatewayPlan, url: pulumi.Input[str], proof: pulumi.Input[str] | None
) -> ns.EdgeCacheOriginArgs:
    """The gateway, which is asked once: a second attempt might run the model again. All the time that Media CDN gives,
    as far as the gateway takes it."""
    host = lifted(url, lambda text: text.removeprefix("https://").rstrip("/"))
    headers = None
    if proof is not None:
        header = ns.EdgeCacheOriginOriginOverrideActionHeaderActionRequestHeadersToAddArgs(
            header_name=ORIGIN_PROOF_HEADER, header_value=proof, replace=True
        )
        headers = ns.EdgeCacheOriginOriginOverrideActionHeaderActionArgs(request_headers_to_adds=[header])
    return ns.EdgeCacheOriginArgs(
        origin_address=host,
        protocol=_PROTOCOLS["https"],
        port=443,
        max_attempts=1,
        retry_conditions=[_NOT_REACHED],
        timeout=ns.EdgeCacheOriginTimeoutArgs(
            connect_timeout=duration(caps.DEFAULT_CONNECT_TIMEOUT[plan.cloud]),
            max_attempts_timeout=duration(caps.GCP_ATTEMPTS_TIMEOUT_MAX),
            read_timeout=duration(min(caps.GCP_READ_TIMEOUT_MAX, gateway.timeout)),
            response_timeout=duration(min(caps.GCP_RESPONSE_TIMEOUT_MAX, gateway.timeout)),
        ),
        origin_override_action=ns.EdgeCacheOriginOriginOverrideActionArgs(
            url_rewrite=ns.EdgeCacheOriginOriginOverrideActionUrlRewriteArgs(host_rewrite=host),
            header_action=headers,
        ),
        flex_shielding=_shield(plan.origin_shield),
        labels=labels(plan),
    )


def results_origin_args(
    plan: EdgePlan, bucket_name: pulumi.Input[str], gateway_id: pulumi.Input[str]
) -> ns.EdgeCacheOriginArgs:
    """The results bucket, asked once, and the gateway where it has nothing."""
    args = bucket_origin_args(plan, bucket_name)
    args.max_attempts = 1
    args.failover_origin = gateway_id
    args.retry_conditions = list(RESULTS_FAIL_OVER_ON)
    args.timeout = ns.EdgeCacheOriginTimeoutArgs(
        connect_timeout=duration(RESULTS_CONNECT_TIMEOUT),
        max_attempts_timeout=duration(caps.GCP_ATTEMPTS_TIMEOUT_MAX),
    )
    args.flex_shielding = _shield(plan.origin_shield)
    return args


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
