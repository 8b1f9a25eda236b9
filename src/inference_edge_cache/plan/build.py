"""``make_plan``: arguments in, plan out, or every problem of the whole input in one error."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pulumi

from inference_edge_cache import _shape
from inference_edge_cache import capabilities as caps
from inference_edge_cache.args import BucketAccess, InferenceEdgeCacheArgs, PriceClass, RouteTarget
from inference_edge_cache.capabilities import Cloud, capability
from inference_edge_cache.errors import InvalidArgsError, Problem
from inference_edge_cache.plan.checks.headers import header_names, header_value, origin_headers
from inference_edge_cache.plan.checks.origins import (
    attempts_in_time,
    reachable_failover,
    reachable_host,
    reachable_port,
    readable_bucket,
    untouched_bucket,
)
from inference_edge_cache.plan.checks.policies import one_error_table, problems_on, shared_error_table, uses_of_policy
from inference_edge_cache.plan.checks.routes import (
    distinct_routes,
    expressible_path,
    forwardable_headers,
    known_methods,
    private_headers,
)
from inference_edge_cache.plan.checks.settings import (
    certificate_id,
    cors_on_media_cdn,
    cors_rules,
    country_lists,
    host_names,
    log_settings,
    shield_region,
    tag_names,
)
from inference_edge_cache.plan.checks.uses import Use, problems_of_uses, warnings_of_uses
from inference_edge_cache.plan.children import CHILDREN
from inference_edge_cache.plan.model import (
    BucketPlan,
    CorsPlan,
    DomainPlan,
    EdgePlan,
    FailoverPlan,
    GeoPlan,
    LoggingPlan,
    OriginPlan,
    PolicyPlan,
    QueryPlan,
    RoutePlan,
)
from inference_edge_cache.plan.paths import DEFAULT_PATH, PathPattern
from inference_edge_cache.plan.urls import OriginUrl, parse_origin_url
from inference_edge_cache.policy import CacheMode, CachePolicy, QueryMode, parse_seconds
from inference_edge_cache.policy.presets import STATIC_ARTIFACTS

DEFAULT_BUCKET_PATH = "/artifacts/*"
LONGEST_NAME = 40  # Media CDN names end at 64 characters: 17 for the longest suffix, 7 for what Pulumi adds

OverridesRule = Callable[[Mapping[str, Any], EdgePlan | None], list[Problem]]
T = TypeVar("T")


def make_plan(
    name: str, args: InferenceEdgeCacheArgs | Mapping[str, Any], *, overrides_rule: OverridesRule | None = None
) -> EdgePlan:
    """The deployment that ``args`` describe. Pure: no resource, no cloud SDK, equal input gives an equal plan.

    ``overrides_rule`` checks ``overrides`` against the provider's SDK and the plan; a backend supplies it. Raises
    ``InvalidArgsError`` with every problem of the whole input. Values that are
    Outputs are checked when they resolve, and raise the same error then.
    """
    problems: list[Problem] = []
    given = _shape.read(args, InferenceEdgeCacheArgs, "", problems)
    if given is _shape.UNREADABLE or "cloud" not in given:
        raise InvalidArgsError(name, problems)
    planner = _Planner(name, given["cloud"], given, problems)
    plan = planner.plan()
    if overrides_rule is not None and isinstance(given.get("overrides"), Mapping):
        known = {
            child: value
            for child, value in given["overrides"].items()
            if child in CHILDREN[planner.cloud] and isinstance(value, Mapping)
        }
        problems.extend(overrides_rule(known, plan))
    if plan is None or problems:
        raise InvalidArgsError(name, problems)
    return plan


@dataclass
class _Route:
    """A route as it was given: the policy before it is decided, and where its parts stand in the arguments."""

    path: PathPattern
    given_at: str
    policy: CachePolicy
    policy_at: str
    methods: tuple[str, ...]
    target: RouteTarget
    existing_policy_id: pulumi.Input[str] | None = None


@dataclass
class _Planner:
    """One pass over readable arguments, collecting problems and uses of the capability table as it goes."""

    name: str
    cloud: Cloud
    args: Mapping[str, Any]
    problems: list[Problem]
    uses: list[Use] = field(default_factory=list)

    def plan(self) -> EdgePlan | None:
        self._check_name()
        self._check_groups()
        routes = self._routes()
        aws, gcp = self.args.get("aws", {}), self.args.get("gcp", {})
        access = aws.get("bucket_access", BucketAccess.OAI)
        origin = self._origin(self.args.get("origin", {}), "origin")
        parts: dict[str, Any] = {
            "failover": self._failover(),
            "bucket": self._bucket(routes, access),
            "forward_headers": self._forward_headers(routes),
            "custom_domain": self._custom_domain(),
            "cors": self._cors(),
            "geo": self._geo(),
            "logging": self._logging(),
            "origin_shield": self._origin_shield(),
            "tags": self._tags(),
            "overrides": self._overrides(),
        }
        planned = self._decide(routes)
        self.uses.append(Use("routes", "routes", f"{self._rules(planned)} routes", self._rules(planned)))
        self.problems.extend(problems_of_uses(self.uses, self.cloud))
        if origin is not None:
            self.problems.extend(reachable_failover(origin, parts["failover"], self.cloud))
        if origin is None or self.problems:
            return None
        plan = EdgePlan(
            name=self.name,
            cloud=self.cloud,
            origin=origin,
            routes=planned,
            price_class=aws.get("price_class", PriceClass.ALL),
            bucket_access=access,
            web_acl_id=aws.get("web_acl_id"),
            edge_security_policy=gcp.get("edge_security_policy"),
            **parts,
        )
        count = len(plan.policies)
        self.uses.append(Use("policies", "routes", f"{count} policies", count))
        warnings = warnings_of_uses(self.uses, self.cloud)
        warnings += attempts_in_time(plan.origin, plan.failover, self.cloud)
        if self.cloud is Cloud.AWS:
            warnings += shared_error_table(_policies_at(routes))
        return dataclasses.replace(plan, warnings=tuple(warnings))

    # Names and groups

    def _check_name(self) -> None:
        if not re.fullmatch(rf"[A-Za-z][A-Za-z0-9-]{{0,{LONGEST_NAME - 1}}}", self.name):
            limit = f"must be 1 to {LONGEST_NAME} letters, digits and hyphens, starting with a letter"
            self.problems.append(Problem.at("name", self.name, limit, 'name it as in "embeddings"'))

    def _check_groups(self) -> None:
        for group in ("aws", "gcp"):
            if group in self.args:
                self.uses.append(Use(group, group, ", ".join(self.args[group])))

    # Origin

    def _origin(self, given: Mapping[str, Any], path: str) -> OriginPlan | None:
        timeouts = {
            "connect_timeout": given.get("connect_timeout", caps.DEFAULT_CONNECT_TIMEOUT[self.cloud]),
            "read_timeout": given.get("read_timeout", caps.DEFAULT_READ_TIMEOUT),
            "response_timeout": given.get(
                "response_timeout", caps.GCP_RESPONSE_TIMEOUT_MAX if self.cloud is Cloud.GCP else None
            ),
            "attempts": given.get("attempts", 1),
        }
        self.uses += [Use(f"origin.{key}", f"{path}.{key}", given[key], given[key]) for key in timeouts if key in given]
        if "host_header" in given:
            self.uses.append(Use("origin.host_header", f"{path}.host_header", given["host_header"]))
        if given.get("allow_http"):
            self.uses.append(Use("origin.allow_http", f"{path}.allow_http", True))
        response, read = timeouts["response_timeout"], timeouts["read_timeout"]
        if response is not None and response < read:
            self.problems.append(
                Problem.at(
                    f"{path}.response_timeout",
                    response,
                    f"must be at least read_timeout, which is {read}",
                    "raise it, or lower read_timeout",
                )
            )
        headers = self._origin_headers(given.get("headers", {}), f"{path}.headers")
        if "url" not in given:
            return None
        url = self._url(given["url"], f"{path}.url", bool(given.get("allow_http")))
        if url is None:
            return None
        return OriginPlan(
            scheme=_part(url, "scheme"),
            host=_part(url, "host"),
            port=_part(url, "port"),
            path=_part(url, "path"),
            host_header=given.get("host_header", _part(url, "host")),
            headers=headers,
            **timeouts,
        )

    def _url(self, url: pulumi.Input[str], path: str, allow_http: bool) -> pulumi.Input[OriginUrl] | None:
        def parse(text: str) -> tuple[OriginUrl | None, list[Problem]]:
            parsed = parse_origin_url(text, path, allow_http=allow_http)
            if isinstance(parsed, Problem):
                return None, [parsed]
            return parsed, [
                *reachable_host(parsed.host, path, self.cloud),
                *reachable_port(parsed.port, path, self.cloud),
            ]

        if not isinstance(url, pulumi.Output):
            parsed, problems = parse(str(url))
            self.problems.extend(problems)
            if parsed is not None and parsed.path:
                self.uses.append(Use("origin.path", path, url))
            return parsed

        def parse_late(text: Any) -> OriginUrl:
            parsed, problems = parse(str(text))
            if parsed is not None and parsed.path and self.cloud is Cloud.GCP:
                row = capability("origin.path", self.cloud)
                problems = [*problems, Problem(path, "", row.reason, row.remedy, kind="unsupported")]
            self._raise_late(problems)
            assert parsed is not None
            return parsed

        return url.apply(parse_late)

    def _origin_headers(self, headers: Mapping[str, Any], path: str) -> tuple[tuple[str, pulumi.Input[str]], ...]:
        self.problems.extend(origin_headers(headers, path, self.cloud))
        self.uses.append(Use("origin.headers", path, "", len(headers)))

        def rule_at(where: str) -> Callable[[str], list[Problem]]:
            return lambda value: header_value(value, where, self.cloud)

        return tuple(
            (name, self._late(value, rule_at(f'{path}["{name}"]')) if isinstance(value, pulumi.Output) else value)
            for name, value in sorted(headers.items())
        )

    def _failover(self) -> FailoverPlan | None:
        given = self.args.get("origin", {}).get("failover")
        if given is None:
            return None
        self.uses.append(Use("origin.failover", "origin.failover"))
        conditions = given.get("conditions", ["server_error"])
        unknown = [name for name in conditions if name not in caps.AWS_FAILOVER_STATUSES]
        if unknown or not conditions or len(set(conditions)) < len(conditions):
            known = ", ".join(caps.AWS_FAILOVER_STATUSES)
            self.problems.append(
                Problem.at("origin.failover.conditions", conditions, "must name conditions once each", f"use {known}")
            )
        primary = self.args["origin"]
        inherited = {
            key: primary[key] for key in ("connect_timeout", "read_timeout", "response_timeout") if key in primary
        }
        allow_http = {"allow_http": primary["allow_http"]} if "allow_http" in primary else {}
        before = len(self.uses)
        origin = self._origin({**inherited, **allow_http, **given}, "origin.failover")
        # What it inherits was counted at the primary origin already.
        self.uses[before:] = [use for use in self.uses[before:] if use.path.rpartition(".")[2] not in inherited]
        return None if origin is None else FailoverPlan(origin, tuple(sorted(conditions)))

    # Routes

    def _routes(self) -> list[_Route]:
        """Every route, most specific first, the default route last."""
        routes = [self._route(given, f"routes[{index}]") for index, given in enumerate(self.args.get("routes", []))]
        routes = [route for route in routes if route is not None]
        if not any(route.path.is_default for route in routes):
            default = self._route({"path": DEFAULT_PATH}, "the default route")
            assert default is not None
            routes.append(default)
        if "bucket" in self.args:
            bucket = self.args["bucket"]
            path = bucket.get("path", DEFAULT_BUCKET_PATH)
            given = {"path": path, "to": RouteTarget.BUCKET}
            if "policy" in bucket or path not in self.args.get("aws", {}).get("existing_policy_ids", {}):
                given["policy"] = bucket.get("policy", STATIC_ARTIFACTS.policy)
            route = self._route(given, "bucket")
            routes += [] if route is None else [route]
        routes.sort(key=lambda route: route.path.specificity)
        self.problems.extend(distinct_routes([(route.path, f"{route.given_at}.path") for route in routes]))
        self._check_policies(routes)
        return routes

    def _route(self, given: Mapping[str, Any], path: str) -> _Route | None:
        if "path" not in given:
            return None
        wrong = expressible_path(given["path"], f"{path}.path", self.cloud)
        self.problems.extend(wrong)
        target = given.get("to", RouteTarget.ENDPOINT)
        usual = caps.READ_METHODS if target is RouteTarget.BUCKET else caps.ALL_METHODS
        methods = given.get("methods", usual)
        self.problems.extend(known_methods(methods, f"{path}.methods", self.cloud))
        if "methods" in given:
            self.uses.append(Use("routes.methods", f"{path}.methods", methods))
        if target is RouteTarget.BUCKET and not set(methods) <= set(caps.READ_METHODS):
            self.problems.append(
                Problem.at(f"{path}.methods", methods, "a bucket answers GET and HEAD only", 'use ["GET", "HEAD"]')
            )
        if target is RouteTarget.BUCKET and "bucket" not in self.args:
            self.problems.append(
                Problem.at(f"{path}.to", "bucket", "there is no bucket", 'add "bucket": {} to the arguments')
            )
        own = "policy" in given
        existing = self.args.get("aws", {}).get("existing_policy_ids", {}).get(given["path"])
        inherited = self.args.get("policy", CachePolicy()) if existing is None else CachePolicy()
        if wrong:
            return None
        return _Route(
            path=PathPattern(given["path"]),
            given_at=path,
            policy=given["policy"] if own else inherited,
            policy_at=f"{path}.policy" if own else "policy",
            methods=tuple(method for method in caps.ALL_METHODS if method in methods),
            target=target,
            existing_policy_id=existing,
        )

    def _check_policies(self, routes: Sequence[_Route]) -> None:
        for route in _once_each(routes):
            policy, path = route.policy, route.policy_at
            self.problems.extend(problems_on(policy, path, self.cloud))
            # A bucket answers with a Cache-Control and a static type: what the table says of modes is about endpoints.
            self.uses += [
                use
                for use in uses_of_policy(policy, path)
                if route.target is RouteTarget.ENDPOINT or not use.feature.startswith("policy.mode.")
            ]
        if self.cloud is Cloud.AWS:
            self.problems.extend(one_error_table(_policies_at(routes)))
        if "policy" in self.args and not any(r.policy_at == "policy" and r.existing_policy_id is None for r in routes):
            self.problems.append(
                Problem(
                    "policy", "", "is used by no route: each has a policy of its own", "remove it, or a route's policy"
                )
            )
        self._check_existing_policies(routes)

    def _check_existing_policies(self, routes: Sequence[_Route]) -> None:
        by_path = {route.path.text: route for route in routes}
        for path, policy_id in self.args.get("aws", {}).get("existing_policy_ids", {}).items():
            where = f'aws.existing_policy_ids["{path}"]'
            if path not in by_path:
                known = ", ".join(by_path)
                self.problems.append(Problem.at(where, policy_id, "is not the path of a route", f"use one of {known}"))
            elif by_path[path].policy_at != "policy":
                self.problems.append(
                    Problem.at(
                        where,
                        policy_id,
                        f"{by_path[path].policy_at} says how this route is cached already",
                        "remove one of them",
                    )
                )

    def _decide(self, routes: Sequence[_Route]) -> tuple[RoutePlan, ...]:
        """The routes with everything decided."""
        fails_over = "failover" in self.args.get("origin", {})
        planned = []
        for route in routes:
            plan = RoutePlan(
                path=route.path,
                target=route.target,
                policy=_decided(route.policy),
                methods=route.methods,
                existing_policy_id=route.existing_policy_id,
            )
            # CloudFront takes no method with a body on a behaviour that can fail over; Media CDN does not retry it.
            able = route.target is RouteTarget.ENDPOINT and (self.cloud is Cloud.GCP or not plan.takes_bodies)
            planned.append(dataclasses.replace(plan, fails_over=fails_over and able))
        if fails_over and not any(route.fails_over for route in planned):
            row = capability("origin.failover", self.cloud)
            self.problems.append(Problem("origin.failover", "", row.reason, row.remedy, kind="unsupported"))
        return tuple(planned)

    def _rules(self, routes: Sequence[RoutePlan]) -> int:
        """How many rules the routes become: Media CDN needs one more where a cached route takes bodies too."""
        extra = [route for route in routes if self.cloud is Cloud.GCP and route.caches and route.takes_bodies]
        return len(routes) + len(extra)

    def _forward_headers(self, routes: Sequence[_Route]) -> tuple[str, ...]:
        headers = self.args.get("forward_headers", [])
        self.problems.extend(header_names(headers, "forward_headers"))
        lowered = sorted(header.lower() for header in headers)
        if headers:
            self.uses.append(Use("forward_headers", "forward_headers", f"{len(headers)} names", len(headers)))
        endpoint = _policies_at([route for route in routes if route.target is RouteTarget.ENDPOINT])
        named = [header.lower() for header in headers]
        self.problems.extend(private_headers(named, endpoint, self.cloud))
        self.problems.extend(forwardable_headers(named, self.cloud))
        return tuple(lowered)

    # Bucket

    def _bucket(self, routes: Sequence[_Route], access: BucketAccess) -> BucketPlan | None:
        given = self.args.get("bucket")
        if given is None:
            return None
        self.problems.extend(readable_bucket(given, access, self.cloud))
        self.problems.extend(untouched_bucket(given))
        self.uses += [Use(f"bucket.{key}", f"bucket.{key}") for key in ("kms_key", "region") if key in given]
        days = given.get("retention_days")
        if days is not None and days < 1:
            self.problems.append(
                Problem.at("bucket.retention_days", days, "must be at least 1", "leave it out to keep objects for ever")
            )
        return BucketPlan(
            existing=given.get("name"),
            paths=tuple(route.path for route in routes if route.target is RouteTarget.BUCKET),
            retention_days=days,
            region=given.get("region"),
            kms_key=given.get("kms_key"),
            force_destroy=given.get("force_destroy", False),
        )

    # The rest

    def _custom_domain(self) -> DomainPlan | None:
        given = self.args.get("custom_domain")
        if given is None:
            self.uses.append(Use("no_custom_domain", ""))
            return None
        if not {"names", "certificate"} <= given.keys():
            return None
        names = given["names"]
        self.problems.extend(host_names(names, "custom_domain.names"))
        self.uses.append(Use("custom_domain.names", "custom_domain.names", f"{len(names)} names", len(names)))
        certificate = self._checked(
            given["certificate"], lambda value: certificate_id(value, "custom_domain.certificate", self.cloud)
        )
        return DomainPlan(tuple(name.lower() for name in names), certificate)

    def _cors(self) -> CorsPlan | None:
        given = self.args.get("cors")
        if given is None or "allow_origins" not in given:
            return None
        self.problems.extend(cors_rules(given))
        self.problems.extend(cors_on_media_cdn(given, self.cloud))
        cors = CorsPlan(
            allow_origins=tuple(given["allow_origins"]),
            allow_methods=tuple(given.get("allow_methods", caps.READ_METHODS_AND_OPTIONS)),
            allow_headers=tuple(given.get("allow_headers", ["content-type"])),
            expose_headers=tuple(given.get("expose_headers", [])),
            max_age=given.get("max_age", 600),
            allow_credentials=given.get("allow_credentials", False),
        )
        self.uses.append(Use("cors", "cors"))
        self.uses.append(Use("cors.max_age", "cors.max_age", cors.max_age, cors.max_age))
        self.uses += [
            Use("cors.list", f"cors.{key}", f"{len(getattr(cors, key))} entries", len(getattr(cors, key)))
            for key in ("allow_origins", "allow_headers", "expose_headers")
        ]
        return cors

    def _geo(self) -> GeoPlan | None:
        given = self.args.get("geo")
        if given is None:
            return None
        self.uses.append(Use("geo", "geo", ", ".join(given)))
        problems = country_lists(given)
        self.problems.extend(problems)
        if problems:
            return None
        ((name, countries),) = given.items()
        return GeoPlan(allows=name == "allow", countries=tuple(sorted(countries)))

    def _logging(self) -> LoggingPlan | None:
        given = self.args.get("logging")
        if given is None:
            return None
        self.problems.extend(log_settings(given, self.cloud))
        self.uses += [Use(f"logging.{key}", f"logging.{key}", given[key]) for key in given]
        return LoggingPlan(given.get("destination"), given.get("sample_rate", 1.0))

    def _origin_shield(self) -> str | None:
        region = self.args.get("origin_shield")
        if region is not None:
            self.problems.extend(shield_region(region, self.cloud))
            self.uses.append(Use("origin_shield", "origin_shield", region))
        return region

    def _tags(self) -> tuple[tuple[str, pulumi.Input[str]], ...]:
        tags = self.args.get("tags", {})
        self.problems.extend(tag_names(tags, self.cloud))
        self.uses.append(Use("tags", "tags", f"{len(tags)} tags", len(tags)))
        return tuple(sorted(tags.items(), key=lambda item: item[0]))

    def _overrides(self) -> Mapping[str, Any]:
        overrides = self.args.get("overrides", {})
        children = CHILDREN[self.cloud]
        for child, value in overrides.items():
            if child not in children:
                known = f"use one of {', '.join(children)}"
                self.problems.append(Problem(f"overrides.{child}", "", "is not made on this cloud", known))
            elif not isinstance(value, Mapping):
                self.problems.append(
                    Problem(f"overrides.{child}", "", "must be a dict of the resource's arguments", "pass a dict")
                )
        return overrides

    # Values that may be Outputs

    def _checked(self, value: pulumi.Input[str], rule: Callable[[str], list[Problem]]) -> pulumi.Input[str]:
        """``value``, checked by ``rule`` now or, for an Output, when it resolves."""
        if isinstance(value, pulumi.Output):
            return self._late(value, rule)
        self.problems.extend(rule(str(value)))
        return value

    def _late(self, value: pulumi.Input[str], rule: Callable[[str], list[Problem]]) -> pulumi.Input[str]:
        def check(resolved: str) -> str:
            self._raise_late(rule(str(resolved)))
            return resolved

        return pulumi.Output.from_input(value).apply(check)

    def _raise_late(self, problems: Sequence[Problem]) -> None:
        """Raise for a value that has resolved. It is not shown: it may have been a secret."""
        if problems:
            raise InvalidArgsError(self.name, [dataclasses.replace(p, value="<output>") for p in problems])


def _part(url: pulumi.Input[OriginUrl], name: str) -> Any:
    if isinstance(url, pulumi.Output):
        return url.apply(lambda parsed: getattr(parsed, name))
    return getattr(url, name)


def _once_each(routes: Sequence[_Route]) -> list[_Route]:
    """One route for each place a policy was given at, so that its problems are told once; endpoints before buckets."""
    ordered = sorted(routes, key=lambda route: (route.policy_at, route.target is not RouteTarget.ENDPOINT))
    return list({route.policy_at: route for route in reversed(ordered)}.values())[::-1]


def _policies_at(routes: Sequence[_Route]) -> list[tuple[CachePolicy, str]]:
    return [(route.policy, route.policy_at) for route in _once_each(routes)]


def _decided(policy: CachePolicy) -> PolicyPlan:
    """``policy`` with everything decided: in force mode the one TTL is all three, in bypass mode there is none."""
    mode = CacheMode(policy.mode)
    usual = parse_seconds(policy.default_ttl)
    ttls = {
        CacheMode.HONOR_ORIGIN: (parse_seconds(policy.min_ttl), usual, parse_seconds(policy.max_ttl)),
        CacheMode.FORCE: (usual, usual, usual),
        CacheMode.BYPASS: (0, 0, 0),
    }[mode]
    return PolicyPlan(
        mode,
        *ttls,
        browser_ttl=None if policy.browser_ttl is None else parse_seconds(policy.browser_ttl),
        query=_query(policy),
        headers=tuple(policy.key.headers),
        cookies=tuple(policy.key.cookies),
        negative_ttl=tuple((int(status), parse_seconds(ttl)) for status, ttl in policy.negative_ttl.items()),
        compression=policy.compression,
    )


def _query(policy: CachePolicy) -> QueryPlan:
    key = policy.key
    if key.query_only is not None:
        return QueryPlan("only", tuple(key.query_only)) if key.query_only else QueryPlan("none")
    if key.query_except is not None:
        return QueryPlan("except", tuple(key.query_except)) if key.query_except else QueryPlan("all")
    return QueryPlan("none" if key.query == QueryMode.NONE else "all")
