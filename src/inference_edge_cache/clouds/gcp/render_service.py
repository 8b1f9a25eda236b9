"""The Media CDN service: names, certificates, logs, and the routes below them."""

from pulumi_gcp import networkservices as ns

from inference_edge_cache.clouds.gcp.render_labels import labels
from inference_edge_cache.clouds.gcp.render_routes import OriginIds, route_rules
from inference_edge_cache.plan import EdgePlan
from inference_edge_cache.plan.model import LoggingPlan

PATH_MATCHER = "routes"


def service_args(plan: EdgePlan, origins: OriginIds) -> ns.EdgeCacheServiceArgs:
    """One service for all names: the same routes under each of them."""
    domain = plan.custom_domain
    hosts = ns.EdgeCacheServiceRoutingHostRuleArgs(
        hosts=["*"] if domain is None else list(domain.names), path_matcher=PATH_MATCHER
    )
    routes = ns.EdgeCacheServiceRoutingPathMatcherArgs(name=PATH_MATCHER, route_rules=route_rules(plan, origins))
    return ns.EdgeCacheServiceArgs(
        routing=ns.EdgeCacheServiceRoutingArgs(host_rules=[hosts], path_matchers=[routes]),
        edge_ssl_certificates=None if domain is None else [domain.certificate],
        require_tls=domain is not None,
        edge_security_policy=plan.edge_security_policy,
        log_config=_log_config(plan.logging),
        labels=labels(plan),
    )


def _log_config(logging: LoggingPlan | None) -> ns.EdgeCacheServiceLogConfigArgs:
    """Said either way: the provider keeps the last value of what is left out. A rate goes with enabled logs only."""
    if logging is None:
        return ns.EdgeCacheServiceLogConfigArgs(enable=False)
    return ns.EdgeCacheServiceLogConfigArgs(enable=True, sample_rate=logging.sample_rate)
