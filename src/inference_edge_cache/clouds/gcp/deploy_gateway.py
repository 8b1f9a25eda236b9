"""Makes the gateway and what surrounds it. What is in the resources is in ``render_gateway`` and ``render_results``.

In this order: what the function needs, the function, who may call it, its origins; the service, which is not made here;
then the discovery document, so that clients hear of a generation when everything behind it answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_gcp import (
    cloudfunctionsv2,
    cloudrunv2,
    logging,
    monitoring,
    organizations,
    projects,
    secretmanager,
    serviceaccount,
    storage,
    vertex,
)
from pulumi_gcp import networkservices as ns

from inference_edge_cache.clouds import gateways
from inference_edge_cache.clouds.gcp import (
    render_dashboard,
    render_gateway,
    render_origins,
    render_results,
)
from inference_edge_cache.clouds.gcp.deploy_origins import make_origin, make_reader
from inference_edge_cache.clouds.gcp.names import short_name
from inference_edge_cache.clouds.making import Maker
from inference_edge_cache.errors import InvalidArgsError, Problem
from inference_edge_cache.plan.model import EdgePlan, GatewayPlan, VertexModelPlan

ARGS: Mapping[str, type] = {
    "results": storage.BucketArgs,
    "results_reader": storage.BucketIAMMemberArgs,
    "results_writer": storage.BucketIAMMemberArgs,
    "results_origin": ns.EdgeCacheOriginArgs,
    "discovery_document": storage.BucketObjectArgs,
    "master_secret": secretmanager.SecretArgs,
    "master_secret_version": secretmanager.SecretVersionArgs,
    "master_secret_reader": secretmanager.SecretIamMemberArgs,
    "model_headers": secretmanager.SecretArgs,
    "model_headers_version": secretmanager.SecretVersionArgs,
    "model_headers_reader": secretmanager.SecretIamMemberArgs,
    "model_role": projects.IAMCustomRoleArgs,
    "model_caller": vertex.AiEndpointIamMemberArgs,
    "publisher_model_caller": projects.IAMMemberArgs,
    "source": storage.BucketArgs,
    "source_archive": storage.BucketObjectArgs,
    "gateway": cloudfunctionsv2.FunctionArgs,
    "gateway_account": serviceaccount.AccountArgs,
    "gateway_invoker": cloudrunv2.ServiceIamMemberArgs,
    "gateway_origin": ns.EdgeCacheOriginArgs,
    "requests_metric": logging.MetricArgs,
    "latency_metric": logging.MetricArgs,
    "dashboard": monitoring.DashboardArgs,
}
"""Logical child to its arguments: what ``overrides`` may name."""


def children_made(plan: EdgePlan) -> frozenset[str]:
    """The logical children that the gateway of ``plan`` makes, known before any of them is."""
    gateway = plan.gateway
    if gateway is None:
        return frozenset()
    model = gateway.model
    unmade = {child for child in ARGS if child.startswith("master_secret") and gateway.master_secret is None}
    if gateways.model_with_headers(gateway) is None:
        unmade |= {child for child in ARGS if child.startswith("model_headers")}
    if not isinstance(model, VertexModelPlan):
        unmade |= {"model_role", "model_caller", "publisher_model_caller"}
    else:
        unmade |= {"model_caller" if model.is_publishers else "publisher_model_caller"}
    unmade |= set() if gateway.dashboard else {"requests_metric", "latency_metric", "dashboard"}
    return frozenset(ARGS.keys() - unmade)


@dataclass(frozen=True)
class Gateway:
    """The gateway, as far as it is made before the service; ``resources`` are by logical child."""

    plan: GatewayPlan
    results: storage.Bucket
    url: pulumi.Output[str]
    origin: ns.EdgeCacheOrigin
    results_origin: ns.EdgeCacheOrigin
    resources: Mapping[str, Any]

    @property
    def ready(self) -> list[pulumi.Resource]:
        """What the service waits for: that Media CDN may read the results, and everybody may call the function."""
        return [self.resources["results_reader"], self.resources["gateway_invoker"]]


def make_gateway(make: Maker) -> Gateway | None:
    """The gateway, ready for a service in front of it."""
    plan = make.plan.gateway
    if plan is None:
        return None
    # It asks no API, so that nothing of these is unknown in a preview which enables one more.
    provider = organizations.get_client_config_output(opts=pulumi.InvokeOutputOptions(parent=make.parent))
    region = _region(make, plan, provider.region)
    name = short_name(make.plan.name, pulumi.get_project(), pulumi.get_stack())
    account = make(serviceaccount.Account, "gateway_account", render_gateway.account_args(make.plan, name))
    results = make(storage.Bucket, "results", render_results.bucket_args(make.plan, plan, region))
    granted = {
        "results_writer": make(
            storage.BucketIAMMember, "results_writer", render_results.writer_args(results.name, account.member)
        ),
        **_master_secret(make, plan, account.member),
        **_model_headers(make, plan, account.member),
        **_model_access(make, plan, name, provider.project, account.member),
    }
    source = make(storage.Bucket, "source", render_gateway.source_args(make.plan, region))
    archive = make(storage.BucketObject, "source_archive", render_gateway.source_archive_args(plan, source.name))
    function = make(
        cloudfunctionsv2.Function,
        "gateway",
        render_gateway.function_args(
            make.plan,
            plan,
            short_name=name,
            region=region,
            bucket=source.name,
            archive_name=archive.name,
            account=account.email,
            variables=_variables(plan, results, provider.project, granted),
        ),
        # One that starts before it may read its secrets would not be set up.
        depends_on=list(granted.values()),
    )
    invoker = make(
        cloudrunv2.ServiceIamMember,
        "gateway_invoker",
        render_gateway.invoker_args(function.location, function.name),
    )
    url = function.service_config.apply(_url)
    origin = make_origin(
        make, "gateway_origin", render_origins.gateway_origin_args(make.plan, plan, url, gateways.proof(plan))
    )
    results_origin = make_origin(
        make, "results_origin", render_origins.results_origin_args(make.plan, results.name, origin.id)
    )
    reader = make_reader(make, "results_reader", results.name, results_origin)
    made = {
        "gateway_account": account,
        "results": results,
        **granted,
        "source": source,
        "source_archive": archive,
        "gateway": function,
        "gateway_invoker": invoker,
        "gateway_origin": origin,
        "results_origin": results_origin,
        "results_reader": reader,
    }
    return Gateway(plan, results, url, origin, results_origin, made)


def publish(make: Maker, gateway: Gateway, service: ns.EdgeCacheService) -> dict[str, Any]:
    """What comes after the service: the discovery document, and the dashboard. All resources of the gateway, by logical
    child."""
    document = make(
        storage.BucketObject,
        "discovery_document",
        render_results.discovery_args(gateway.plan, gateway.results.name, gateway.url),
        # Clients hear of a generation when everything that answers it is there.
        depends_on=[service],
    )
    return {**gateway.resources, "discovery_document": document, **_dashboard(make, gateway, service)}


# What is seen of it ---------------------------------------------------------------------------------------------------
def _dashboard(make: Maker, gateway: Gateway, service: ns.EdgeCacheService) -> dict[str, Any]:
    if not gateway.plan.dashboard:
        return {}
    name, function = make.plan.name, gateway.resources["gateway"].name
    requests = make(logging.Metric, "requests_metric", render_dashboard.requests_metric_args(name, function))
    latency = make(logging.Metric, "latency_metric", render_dashboard.latency_metric_args(name, function))
    args = render_dashboard.dashboard_args(
        name, service=service.name, function=function, requests=requests.name, latency=latency.name
    )
    dashboard = make(monitoring.Dashboard, "dashboard", args)
    return {"requests_metric": requests, "latency_metric": latency, "dashboard": dashboard}


# Where it runs --------------------------------------------------------------------------------------------------------
def _region(make: Maker, plan: GatewayPlan, of_the_provider: pulumi.Output[str]) -> pulumi.Input[str]:
    """The region, which the provider may be without."""
    if plan.region is not None:
        return plan.region

    def known(region: str | None) -> str:
        if not region:
            limit = "is not known: the provider has no region"
            remedy = "give it, or set gcp:region"
            raise InvalidArgsError(make.plan.name, [Problem("gateway.region", "", limit, remedy)])
        return region

    return of_the_provider.apply(known)


def _url(service: Any) -> str:
    """The URL of the function's Cloud Run service, which answers at every path."""
    return service.uri


# What it may do -------------------------------------------------------------------------------------------------------
def _master_secret(make: Maker, plan: GatewayPlan, member: pulumi.Input[str]) -> dict[str, Any]:
    if plan.master_secret is None:
        return {}
    return _secret(make, "master_secret", lambda secret: render_gateway.master_version_args(plan, secret), member)


def _model_headers(make: Maker, plan: GatewayPlan, member: pulumi.Input[str]) -> dict[str, Any]:
    model = gateways.model_with_headers(plan)
    if model is None:
        return {}
    return _secret(make, "model_headers", lambda secret: render_gateway.headers_version_args(model, secret), member)


def _secret(make: Maker, child: str, version_args: Any, member: pulumi.Input[str]) -> dict[str, Any]:
    secret = make(secretmanager.Secret, child, render_gateway.secret_args(make.plan))
    version, reader = f"{child}_version", f"{child}_reader"
    return {
        child: secret,
        version: make(secretmanager.SecretVersion, version, version_args(secret.id)),
        reader: make(secretmanager.SecretIamMember, reader, render_gateway.secret_reader_args(secret.id, member)),
    }


def _model_access(
    make: Maker, plan: GatewayPlan, name: str, project: pulumi.Output[str], member: pulumi.Input[str]
) -> dict[str, Any]:
    model = plan.model
    if not isinstance(model, VertexModelPlan):
        return {}
    role = make(projects.IAMCustomRole, "model_role", render_gateway.model_role_args(make.plan, model, name))
    if model.is_publishers:
        args = render_gateway.publisher_model_caller_args(model.project or project, role.name, member)
        return {"model_role": role, "publisher_model_caller": make(projects.IAMMember, "publisher_model_caller", args)}
    args = render_gateway.model_caller_args(model, role.name, member)
    return {"model_role": role, "model_caller": make(vertex.AiEndpointIamMember, "model_caller", args)}


def _variables(
    plan: GatewayPlan, results: storage.Bucket, project: pulumi.Output[str], granted: Mapping[str, Any]
) -> dict[str, pulumi.Input[str]]:
    master = None
    if "master_secret" in granted:
        master = (granted["master_secret"].id, granted["master_secret_version"].version)
    headers = granted["model_headers_version"].name if "model_headers_version" in granted else None
    return render_gateway.variables(plan, results.name, project, master, headers)
