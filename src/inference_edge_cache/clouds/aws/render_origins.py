"""Origins: the endpoint, the one it fails over to, the bucket; and how CloudFront may read the bucket."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudfront as cf

from inference_edge_cache.args import RouteTarget
from inference_edge_cache.capabilities import (
    AWS_FAILOVER_STATUSES,
    AWS_NEAREST_SHIELD_REGION,
    AWS_UNREACHABLE_STATUSES,
    DEFAULT_CONNECT_TIMEOUT,
    Cloud,
)
from inference_edge_cache.gateway.passing import ORIGIN_PROOF_HEADER
from inference_edge_cache.plan.model import EdgePlan, FailoverPlan, GatewayPlan, GatewayTarget, OriginPlan

# Names inside the distribution. Behaviours point at them, so they never change.
ENDPOINT = "endpoint"
FAILOVER = "failover"
ENDPOINT_WITH_FAILOVER = "endpoint-with-failover"
BUCKET = "bucket"
RESULTS = "results"
GATEWAY = "gateway"
GATEWAY_SHIELDED = "gateway-shielded"
RESULTS_THEN_GATEWAY = "results-then-gateway"

TARGETS = {
    RouteTarget.BUCKET: BUCKET,
    GatewayTarget.STORED: RESULTS_THEN_GATEWAY,
    GatewayTarget.ANSWERED: GATEWAY_SHIELDED,
    GatewayTarget.GATEWAY: GATEWAY,
    GatewayTarget.DISCOVERY: RESULTS,
}
"""Who answers a route, as the distribution calls it. An endpoint depends on more than that."""

# Whatever else the bucket says, the gateway looks itself; a 404 it says itself where it has nothing.
RESULTS_FAIL_OVER_ON = (403, 404, 500, 502, 503, 504)

KEEPALIVE_TIMEOUT = 5  # CloudFront's default, said so that a change of the default changes nothing here
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class BucketOrigin:
    """What the distribution needs to know of the bucket, and one of the two ways to read it."""

    domain_name: pulumi.Input[str]
    identity_path: pulumi.Input[str] | None = None
    access_control_id: pulumi.Input[str] | None = None


@dataclass(frozen=True)
class GatewayOrigin:
    """What the distribution needs to know of the gateway: its host, and how to prove itself to it."""

    domain_name: pulumi.Input[str]
    results: BucketOrigin
    shield: cf.DistributionOriginOriginShieldArgs
    proof: pulumi.Input[str] | None = None
    access_control_id: pulumi.Input[str] | None = None


def access_identity_args(plan: EdgePlan) -> cf.OriginAccessIdentityArgs:
    return cf.OriginAccessIdentityArgs(comment=f"How the edge cache {plan.name} reads its bucket")


def access_control_args(plan: EdgePlan) -> cf.OriginAccessControlArgs:
    return cf.OriginAccessControlArgs(
        description=f"How the edge cache {plan.name} reads its bucket",
        origin_access_control_origin_type="s3",
        signing_behavior="always",
        signing_protocol="sigv4",
    )


def origins(
    plan: EdgePlan, bucket: BucketOrigin | None, gateway: GatewayOrigin | None = None
) -> list[cf.DistributionOriginArgs]:
    """The endpoint first, whoever else answers after it."""
    found = [] if plan.origin is None else [_endpoint(ENDPOINT, plan.origin, plan.origin_shield)]
    if plan.failover is not None:
        # Shielded too: it is asked when every edge location would ask at once.
        found.append(_endpoint(FAILOVER, plan.failover.origin, plan.origin_shield))
    if bucket is not None:
        found.append(_bucket(bucket))
    if gateway is not None and plan.gateway is not None:
        # A POST gains nothing from a shield, and would pay for it.
        found += [_results(gateway), _gateway(GATEWAY, plan.gateway, gateway, None)]
        found.append(_gateway(GATEWAY_SHIELDED, plan.gateway, gateway, gateway.shield))
    return found


def origin_groups(plan: EdgePlan) -> list[cf.DistributionOriginGroupArgs] | None:
    """Who is asked first and who instead, as one thing that a behaviour can point at."""
    groups = []
    if plan.failover is not None:
        groups.append(_group(ENDPOINT_WITH_FAILOVER, ENDPOINT, FAILOVER, failover_statuses(plan.failover)))
    if any(route.target is GatewayTarget.STORED for route in plan.routes):
        groups.append(_group(RESULTS_THEN_GATEWAY, RESULTS, GATEWAY_SHIELDED, RESULTS_FAIL_OVER_ON))
    return groups or None


def _group(name: str, first: str, second: str, statuses: Sequence[int]) -> cf.DistributionOriginGroupArgs:
    members = [cf.DistributionOriginGroupMemberArgs(origin_id=member) for member in (first, second)]
    criteria = cf.DistributionOriginGroupFailoverCriteriaArgs(status_codes=statuses)
    return cf.DistributionOriginGroupArgs(origin_id=name, members=members, failover_criteria=criteria)


def failover_statuses(plan: FailoverPlan) -> Sequence[int]:
    """The statuses that send a request to the second endpoint: those asked for, and those of an unreachable one."""
    asked = {status for condition in plan.conditions for status in AWS_FAILOVER_STATUSES[condition]}
    return sorted(asked | set(AWS_UNREACHABLE_STATUSES))


def _endpoint(name: str, origin: OriginPlan, shield_region: str | None) -> cf.DistributionOriginArgs:
    shield = cf.DistributionOriginOriginShieldArgs(enabled=True, origin_shield_region=shield_region)
    return cf.DistributionOriginArgs(
        origin_id=name,
        domain_name=origin.host,
        origin_path=origin.path,
        connection_timeout=origin.connect_timeout,
        connection_attempts=origin.attempts,
        response_completion_timeout=origin.response_timeout,
        custom_origin_config=cf.DistributionOriginCustomOriginConfigArgs(
            origin_protocol_policy=pulumi.Output.concat(origin.scheme, "-only"),
            http_port=_port("http", origin),
            https_port=_port("https", origin),
            origin_ssl_protocols=["TLSv1.2"],
            origin_read_timeout=origin.read_timeout,
            origin_keepalive_timeout=KEEPALIVE_TIMEOUT,
        ),
        custom_headers=[
            cf.DistributionOriginCustomHeaderArgs(name=header, value=pulumi.Output.secret(value))
            for header, value in origin.headers
        ]
        or None,
        origin_shield=shield if shield_region is not None else None,
    )


def _port(scheme: str, origin: OriginPlan) -> pulumi.Output[int]:
    """The endpoint's port where it speaks ``scheme``, else the usual one: CloudFront wants to hear both."""
    return pulumi.Output.all(origin.scheme, origin.port).apply(
        lambda spoken: int(spoken[1]) if spoken[0] == scheme else _PORTS[scheme]
    )


def _bucket(bucket: BucketOrigin) -> cf.DistributionOriginArgs:
    """Exactly one of identity and access control: CloudFront refuses both together."""
    by_identity = None
    if bucket.identity_path is not None:
        by_identity = cf.DistributionOriginS3OriginConfigArgs(origin_access_identity=bucket.identity_path)
    return cf.DistributionOriginArgs(
        origin_id=BUCKET,
        domain_name=bucket.domain_name,
        s3_origin_config=by_identity,
        origin_access_control_id=bucket.access_control_id,
    )


def shield_near(region: pulumi.Input[str]) -> cf.DistributionOriginOriginShieldArgs:
    """Origin Shield where AWS says it is nearest to ``region``; off where AWS names none."""
    nearest = pulumi.Output.from_input(region).apply(AWS_NEAREST_SHIELD_REGION.get)
    return cf.DistributionOriginOriginShieldArgs(
        enabled=nearest.apply(lambda found: found is not None), origin_shield_region=nearest
    )


def _results(gateway: GatewayOrigin) -> cf.DistributionOriginArgs:
    """One attempt: the gateway knows as well what is in the bucket."""
    args = _bucket(gateway.results)
    args.origin_id = RESULTS
    args.connection_attempts = 1
    args.connection_timeout = DEFAULT_CONNECT_TIMEOUT[Cloud.AWS]
    args.origin_shield = gateway.shield
    return args


def _gateway(
    name: str, plan: GatewayPlan, gateway: GatewayOrigin, shield: cf.DistributionOriginOriginShieldArgs | None
) -> cf.DistributionOriginArgs:
    """One attempt: a second one might run the model again."""
    proof = None
    if gateway.proof is not None:
        header = cf.DistributionOriginCustomHeaderArgs(name=ORIGIN_PROOF_HEADER, value=gateway.proof)
        proof = [header]
    return cf.DistributionOriginArgs(
        origin_id=name,
        domain_name=gateway.domain_name,
        connection_timeout=DEFAULT_CONNECT_TIMEOUT[Cloud.AWS],
        connection_attempts=1,
        custom_origin_config=cf.DistributionOriginCustomOriginConfigArgs(
            origin_protocol_policy="https-only",
            http_port=_PORTS["http"],
            https_port=_PORTS["https"],
            origin_ssl_protocols=["TLSv1.2"],
            origin_read_timeout=plan.timeout,
            origin_keepalive_timeout=KEEPALIVE_TIMEOUT,
        ),
        custom_headers=proof,
        origin_access_control_id=gateway.access_control_id,
        origin_shield=shield,
    )
