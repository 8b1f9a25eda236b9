"""Response headers policies: what CloudFront changes in every answer it gives, its own errors included."""

from dataclasses import dataclass

from pulumi_aws import cloudfront as cf

from inference_edge_cache.plan.model import CorsPlan, EdgePlan, RoutePlan

_YEAR = 31_536_000


@dataclass(frozen=True)
class HeaderChanges:
    """What tells the response headers policies of one cache apart."""

    browser_ttl: int | None = None
    cached: bool = True

    @property
    def suffix(self) -> str:
        """What the name of such a policy ends in."""
        max_age = "" if self.browser_ttl is None else f"max-age-{self.browser_ttl}"
        return max_age if self.cached else "uncached"


def header_changes(route: RoutePlan) -> HeaderChanges:
    """What is changed in the answers of ``route``.

    CloudFront caches a Set-Cookie together with the answer it came with, and would hand one caller's session to every
    other caller. So answers that may come from the cache carry none.
    """
    return HeaderChanges(route.policy.browser_ttl, route.caches)


def all_header_changes(plan: EdgePlan) -> tuple[HeaderChanges, ...]:
    """The distinct changes of all routes, the default route's first: one response headers policy for each."""
    return tuple(dict.fromkeys(header_changes(route) for route in (plan.default_route, *plan.routes)))


def response_headers_policy_args(plan: EdgePlan, changes: HeaderChanges) -> cf.ResponseHeadersPolicyArgs:
    return cf.ResponseHeadersPolicyArgs(
        comment=f"What the edge cache {plan.name} changes in answers",
        security_headers_config=_security(),
        cors_config=None if plan.cors is None else _cors(plan.cors),
        custom_headers_config=None if changes.browser_ttl is None else _cache_control(changes.browser_ttl),
        remove_headers_config=_without("Set-Cookie") if changes.cached else None,
        # Every answer says whether it was a hit: a cache whose hit rate nobody can see is not looked after.
        server_timing_headers_config=cf.ResponseHeadersPolicyServerTimingHeadersConfigArgs(
            enabled=True, sampling_rate=100
        ),
    )


def _security() -> cf.ResponseHeadersPolicySecurityHeadersConfigArgs:
    """Defaults that an origin can replace where it knows better; nosniff it cannot, since nobody does.

    HSTS without subdomains and preload: a cache speaks for its own names, not for what else is below them, and preload
    lists are hard to leave.
    """
    return cf.ResponseHeadersPolicySecurityHeadersConfigArgs(
        strict_transport_security=cf.ResponseHeadersPolicySecurityHeadersConfigStrictTransportSecurityArgs(
            access_control_max_age_sec=_YEAR, include_subdomains=False, preload=False, override=False
        ),
        content_type_options=cf.ResponseHeadersPolicySecurityHeadersConfigContentTypeOptionsArgs(override=True),
        frame_options=cf.ResponseHeadersPolicySecurityHeadersConfigFrameOptionsArgs(
            frame_option="DENY", override=False
        ),
        referrer_policy=cf.ResponseHeadersPolicySecurityHeadersConfigReferrerPolicyArgs(
            referrer_policy="strict-origin-when-cross-origin", override=False
        ),
    )


def _cors(cors: CorsPlan) -> cf.ResponseHeadersPolicyCorsConfigArgs:
    exposed = cf.ResponseHeadersPolicyCorsConfigAccessControlExposeHeadersArgs(items=list(cors.expose_headers))
    return cf.ResponseHeadersPolicyCorsConfigArgs(
        access_control_allow_origins=cf.ResponseHeadersPolicyCorsConfigAccessControlAllowOriginsArgs(
            items=list(cors.allow_origins)
        ),
        access_control_allow_methods=cf.ResponseHeadersPolicyCorsConfigAccessControlAllowMethodsArgs(
            items=list(cors.allow_methods)
        ),
        access_control_allow_headers=cf.ResponseHeadersPolicyCorsConfigAccessControlAllowHeadersArgs(
            items=list(cors.allow_headers)
        ),
        access_control_expose_headers=exposed if cors.expose_headers else None,
        access_control_max_age_sec=cors.max_age,
        access_control_allow_credentials=cors.allow_credentials,
        # A cached answer carries the CORS headers of whoever asked first: only the edge can get them right.
        origin_override=True,
    )


def _cache_control(browser_ttl: int) -> cf.ResponseHeadersPolicyCustomHeadersConfigArgs:
    header = cf.ResponseHeadersPolicyCustomHeadersConfigItemArgs(
        header="Cache-Control", value=f"max-age={browser_ttl}", override=False
    )
    return cf.ResponseHeadersPolicyCustomHeadersConfigArgs(items=[header])


def _without(header: str) -> cf.ResponseHeadersPolicyRemoveHeadersConfigArgs:
    removed = cf.ResponseHeadersPolicyRemoveHeadersConfigItemArgs(header=header)
    return cf.ResponseHeadersPolicyRemoveHeadersConfigArgs(items=[removed])
