"""Distributions: origins, behaviours, certificates, errors."""

import re
from collections import Counter
from collections.abc import Iterator

from recorded import Rule

from aws_rules.graph import Graph

READ = frozenset({"GET", "HEAD"})
READ_AND_ASK = READ | {"OPTIONS"}
EVERY_METHOD = READ_AND_ASK | {"PUT", "POST", "PATCH", "DELETE"}
FAILOVER_STATUSES = frozenset({400, 403, 404, 416, 429, 500, 502, 503, 504})
ERROR_STATUSES = frozenset({400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504})
SHIELD_REGIONS = frozenset(
    {
        "us-east-1",
        "us-east-2",
        "us-west-2",
        "ap-south-1",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "eu-central-1",
        "eu-west-1",
        "eu-west-2",
        "sa-east-1",
        "me-central-1",
    }
)
FORBIDDEN_HEADERS = re.compile(
    r"cache-control|connection|content-length|cookie|host|if-.*|max-forwards|pragma|proxy-.*|range|request-range|te|"
    r"trailer|transfer-encoding|upgrade|via|x-amz-.*|x-edge-.*|x-real-ip",
    re.IGNORECASE,
)
PATH = re.compile(r"[A-Za-z0-9_.*$/~\"'@:+&?-]{1,255}")
MANAGED_CACHE_POLICIES = frozenset(
    {
        "658327ea-f89d-4fab-a63d-7e88639e58f6",
        "b2884449-e4de-46a7-ac36-70bc7f1ddd6d",
        "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        "83da9c7e-98b4-4e11-a168-04f0df8e2c65",
        "4cc15a8a-d715-48a4-82b8-cc0b614638fe",
        "08627262-05a9-4f76-9ded-b50ca2e3a84f",
        "2e54312d-136d-493c-8eb9-b001f22f67d2",
    }
)
MANAGED_REQUEST_POLICIES = frozenset(
    {
        "216adef6-5c7f-47e4-b989-5492eafa07d3",
        "b689b0a8-53d0-40ab-baf2-68738e2966ac",
        "33f36d7e-f396-46d9-90e0-52428a34d9dc",
        "59781a5b-3903-41f3-afcb-af62929ccde1",
        "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
        "bf0718e1-ba1e-49d1-88b1-f726733018ae",
        "acba4595-bd28-49b8-b9fe-13317c0390fa",
        "775133bc-15f2-49f9-abea-afb2e0bf67d2",
    }
)
MANAGED_RESPONSE_POLICIES = frozenset(
    {
        "67f7725c-6f97-4210-82d7-5512b31e9d03",
        "60669652-455b-4ae9-85a4-c4c02393f86c",
        "5cc3b908-e619-4b99-88e5-2cf7f45965bd",
        "e61eb60c-9c35-4d20-a928-2b84e02af89c",
        "eaab4381-ed33-4a86-88ca-d9558dc6cd63",
    }
)
KEYS_ON_HOST = frozenset({"83da9c7e-98b4-4e11-a168-04f0df8e2c65", "4cc15a8a-d715-48a4-82b8-cc0b614638fe"})
FORWARDS_HOST = frozenset(
    {
        "216adef6-5c7f-47e4-b989-5492eafa07d3",
        "33f36d7e-f396-46d9-90e0-52428a34d9dc",
        "bf0718e1-ba1e-49d1-88b1-f726733018ae",
    }
)


def behaviors_point_at_what_is_there(graph: Graph) -> Iterator[str]:
    """``TargetOriginId`` is the id of an origin or of an origin group. API_CacheBehavior."""
    for one, path, behavior in graph.behaviors():
        ids = {origin["originId"] for origin in [*one.inputs["origins"], *one.inputs.get("originGroups", [])]}
        if behavior["targetOriginId"] not in ids:
            yield f"{path} points at {behavior['targetOriginId']!r}"


def origin_ids_are_unique(graph: Graph) -> Iterator[str]:
    """An id names one origin or one group. API_Origin, API_OriginGroup."""
    for one in graph.distributions:
        found = [origin["originId"] for origin in [*one.inputs["origins"], *one.inputs.get("originGroups", [])]]
        yield from (f"{name!r} is there {count} times" for name, count in Counter(found).items() if count > 1)


def groups_have_two_members(graph: Graph) -> Iterator[str]:
    """Exactly two different origins of the distribution. API_OriginGroupMembers."""
    for one in graph.distributions:
        origins = {origin["originId"] for origin in one.inputs["origins"]}
        for group in one.inputs.get("originGroups", []):
            members = [member["originId"] for member in group["members"]]
            if len(members) != 2 or len(set(members)) != 2 or not set(members) <= origins:
                yield f"{group['originId']!r} has the members {members}"


def groups_fail_over_on_statuses_that_can(graph: Graph) -> Iterator[str]:
    """At least one of the codes that one can choose. DG/high_availability_origin_failover."""
    for one in graph.distributions:
        for group in one.inputs.get("originGroups", []):
            statuses = set(group["failoverCriteria"]["statusCodes"])
            if not statuses or not statuses <= FAILOVER_STATUSES:
                yield f"{group['originId']!r} fails over on {sorted(statuses)}"


def only_reads_go_to_a_group(graph: Graph) -> Iterator[str]:
    """A behaviour that points at a group takes GET, HEAD and OPTIONS only: CloudFront refuses more.
    DG/high_availability_origin_failover."""
    for one, path, behavior in graph.behaviors():
        groups = {group["originId"] for group in one.inputs.get("originGroups", [])}
        if behavior["targetOriginId"] in groups and not set(behavior["allowedMethods"]) <= READ_AND_ASK:
            yield f"{path} takes {', '.join(behavior['allowedMethods'])}"


def methods_come_in_three_sets(graph: Graph) -> Iterator[str]:
    """2, 3 or 7 of them. API_AllowedMethods."""
    for _, path, behavior in graph.behaviors():
        if set(behavior["allowedMethods"]) not in (READ, READ_AND_ASK, EVERY_METHOD):
            yield f"{path} takes {', '.join(behavior['allowedMethods'])}"


def only_reads_are_cached(graph: Graph) -> Iterator[str]:
    """GET and HEAD, or these and OPTIONS, and no method that is not allowed. API_CachedMethods."""
    for _, path, behavior in graph.behaviors():
        cached = set(behavior["cachedMethods"])
        if cached not in (READ, READ_AND_ASK) or not cached <= set(behavior["allowedMethods"]):
            yield f"{path} caches {', '.join(behavior['cachedMethods'])}"


def a_cache_policy_and_nothing_beside_it(graph: Graph) -> Iterator[str]:
    """Either a cache policy or ForwardedValues with TTLs of the behaviour's own. API_CacheBehavior:
    ``The parameter ForwardedValues cannot be used when a cache policy is associated``."""
    for _, path, behavior in graph.behaviors():
        legacy = {"forwardedValues", "minTtl", "defaultTtl", "maxTtl"} & behavior.keys()
        if ("cachePolicyId" in behavior) == bool(legacy):
            yield f"{path} has {', '.join(sorted(legacy)) or 'neither cache policy nor forwarded values'}"


def cache_policies_are_known(graph: Graph) -> Iterator[str]:
    """A managed one, or one of the graph: anything else is ``NoSuchCachePolicy``."""
    made = {one.id for one in graph.of("cloudfront/cachePolicy:CachePolicy")}
    for _, path, behavior in graph.behaviors():
        if "cachePolicyId" in behavior and behavior["cachePolicyId"] not in MANAGED_CACHE_POLICIES | made:
            yield f"{path} names {behavior['cachePolicyId']}"


def request_policies_are_known(graph: Graph) -> Iterator[str]:
    """A managed one, or one of the graph: anything else is ``NoSuchOriginRequestPolicy``."""
    made = {one.id for one in graph.of("cloudfront/originRequestPolicy:OriginRequestPolicy")}
    for _, path, behavior in graph.behaviors():
        named = behavior.get("originRequestPolicyId")
        if named is not None and named not in MANAGED_REQUEST_POLICIES | made:
            yield f"{path} names {named}"


def response_policies_are_known(graph: Graph) -> Iterator[str]:
    """A managed one, or one of the graph: anything else is ``NoSuchResponseHeadersPolicy``."""
    made = {one.id for one in graph.of("cloudfront/responseHeadersPolicy:ResponseHeadersPolicy")}
    for _, path, behavior in graph.behaviors():
        named = behavior.get("responseHeadersPolicyId")
        if named is not None and named not in MANAGED_RESPONSE_POLICIES | made:
            yield f"{path} names {named}"


def a_request_policy_stands_beside_a_cache_policy(graph: Graph) -> Iterator[str]:
    """An origin request policy needs a cache policy. DG/controlling-origin-requests."""
    for _, path, behavior in graph.behaviors():
        if "originRequestPolicyId" in behavior and "cachePolicyId" not in behavior:
            yield path


def path_patterns_are_written_as_cloudfront_reads_them(graph: Graph) -> Iterator[str]:
    """At most 255 of certain characters; each pattern once. DG/DownloadDistValuesCacheBehavior."""
    for one in graph.distributions:
        paths = [behavior["pathPattern"] for behavior in one.inputs.get("orderedCacheBehaviors", [])]
        yield from (f"{path!r}" for path in paths if not PATH.fullmatch(path))
        yield from (f"{path!r} is there {count} times" for path, count in Counter(paths).items() if count > 1)


def quotas_of_a_distribution_hold(graph: Graph) -> Iterator[str]:
    """75 behaviours with the default one, 100 origins, 10 groups, 100 names. DG/cloudfront-limits."""
    for one in graph.distributions:
        for name, most in {"orderedCacheBehaviors": 74, "origins": 100, "originGroups": 10, "aliases": 100}.items():
            if len(one.inputs.get(name, [])) > most:
                yield f"{len(one.inputs[name])} {name}"


def an_origin_is_of_one_kind(graph: Graph) -> Iterator[str]:
    """Custom, or S3; read with an identity, or with an access control, never both. API_Origin."""
    for _, origin in graph.origins():
        identity = origin.get("s3OriginConfig", {}).get("originAccessIdentity")
        custom, control = origin.get("customOriginConfig"), origin.get("originAccessControlId")
        if (custom and "s3OriginConfig" in origin) or (identity and control) or not (custom or identity or control):
            yield f"{origin['originId']!r}"


def a_bucket_is_named_as_its_region_names_it(graph: Graph) -> Iterator[str]:
    """``<bucket>.s3.<region>.amazonaws.com``: no website, no path style. DG/DownloadDistS3AndCustomOrigins."""
    for _, origin in graph.origins():
        read = "s3OriginConfig" in origin or ("originAccessControlId" in origin and "customOriginConfig" not in origin)
        if read and not re.fullmatch(r"[a-z0-9.-]{3,63}\.s3\.[a-z0-9-]+\.amazonaws\.com", origin["domainName"]):
            yield f"{origin['originId']!r} is {origin['domainName']}"


def identities_are_those_of_the_graph(graph: Graph) -> Iterator[str]:
    """``origin-access-identity/cloudfront/<id>`` of one that is there. API_S3OriginConfig."""
    kind = "cloudfront/originAccessIdentity:OriginAccessIdentity"
    made = {f"origin-access-identity/cloudfront/{one.id}" for one in graph.of(kind)}
    for _, origin in graph.origins():
        identity = origin.get("s3OriginConfig", {}).get("originAccessIdentity")
        if identity and identity not in made:
            yield f"{origin['originId']!r} names {identity}"


def access_controls_fit_their_origins(graph: Graph) -> Iterator[str]:
    """One that is there: of type ``s3`` for a bucket, ``lambda`` for a function URL. API_OriginAccessControlConfig."""
    kind = "cloudfront/originAccessControl:OriginAccessControl"
    made = {one.id: one.inputs["originAccessControlOriginType"] for one in graph.of(kind)}
    for _, origin in graph.origins():
        if control := origin.get("originAccessControlId"):
            fits = "lambda" if ".lambda-url." in origin["domainName"] else "s3"
            if made.get(control) != fits:
                yield f"{origin['originId']!r} names one of type {made.get(control)}"


def access_controls_sign(graph: Graph) -> Iterator[str]:
    """``always`` and ``sigv4``: ``never`` turns it off, ``no-override`` lets a viewer's Authorization win.
    DG/private-content-restricting-access-to-s3."""
    for one in graph.of("cloudfront/originAccessControl:OriginAccessControl"):
        if (one.inputs["signingBehavior"], one.inputs["signingProtocol"]) != ("always", "sigv4"):
            yield one.name


def timeouts_are_in_range(graph: Graph) -> Iterator[str]:
    """Connecting 1 to 10 s, 1 to 3 times; reading 1 to 120 s; keeping alive 1 to 300 s; completing no sooner than
    reading. DG/DownloadDistValuesOrigin, DG/cloudfront-limits."""
    for _, origin in graph.origins():
        custom = origin.get("customOriginConfig", {})
        values = {
            "connectionTimeout": (origin.get("connectionTimeout", 10), 1, 10),
            "connectionAttempts": (origin.get("connectionAttempts", 3), 1, 3),
            "originReadTimeout": (custom.get("originReadTimeout", 30), 1, 120),
            "originKeepaliveTimeout": (custom.get("originKeepaliveTimeout", 5), 1, 300),
            "responseCompletionTimeout": (
                origin.get("responseCompletionTimeout", float("inf")),
                custom.get("originReadTimeout", 30),
                float("inf"),
            ),
        }
        for name, (value, least, most) in values.items():
            if not least <= value <= most:
                yield f"{origin['originId']!r} has {name} {value}"


def origins_speak_tls_1_2(graph: Graph) -> Iterator[str]:
    """The older protocols in the list are insecure. DG/DownloadDistValuesOrigin."""
    for _, origin in graph.origins():
        if "customOriginConfig" in origin and origin["customOriginConfig"]["originSslProtocols"] != ["TLSv1.2"]:
            yield f"{origin['originId']!r}"


def ports_are_ports_of_the_web(graph: Graph) -> Iterator[str]:
    """80, 443, or 1024 to 65535. DG/DownloadDistValuesOrigin."""
    for _, origin in graph.origins():
        custom = origin.get("customOriginConfig", {})
        for port in (custom.get("httpPort", 80), custom.get("httpsPort", 443)):
            if port not in (80, 443) and not 1024 <= port <= 65_535:
                yield f"{origin['originId']!r} has port {port}"


def origin_headers_are_allowed(graph: Graph) -> Iterator[str]:
    """At most 30 of certain names; 256 characters of name, 1783 of value, 10240 in all. DG/add-origin-custom-headers,
    DG/cloudfront-limits."""
    for _, origin in graph.origins():
        headers = [(one["name"], one["value"]) for one in origin.get("customHeaders", [])]
        size = sum(len(name) + len(value) for name, value in headers)
        if len(headers) > 30 or size > 10_240:
            yield f"{origin['originId']!r} has {len(headers)} headers of {size} characters"
        for name, value in headers:
            if FORBIDDEN_HEADERS.fullmatch(name) or len(name) > 256 or len(value) > 1783:
                yield f"{origin['originId']!r} has {name}"


def shields_are_where_cloudfront_has_them(graph: Graph) -> Iterator[str]:
    """One of thirteen regions. DG/origin-shield."""
    for _, origin in graph.origins():
        shield = origin.get("originShield", {})
        if shield.get("enabled") and shield.get("originShieldRegion") not in SHIELD_REGIONS:
            yield f"{origin['originId']!r} has its in {shield.get('originShieldRegion')}"


def hosts_of_aws_are_asked_by_their_own_name(graph: Graph) -> Iterator[str]:
    """A bucket and a function URL answer to no Host but their own, so no policy may forward the viewer's.
    DG/using-managed-origin-request-policies."""
    for one, path, behavior in graph.behaviors():
        groups = {group["originId"]: group["members"] for group in one.inputs.get("originGroups", [])}
        target = behavior["targetOriginId"]
        members = {member["originId"] for member in groups.get(target, [])} or {target}
        theirs = [origin for origin in one.inputs["origins"] if origin["originId"] in members]
        forwards = behavior.get("originRequestPolicyId") in FORWARDS_HOST
        if (forwards or behavior.get("cachePolicyId") in KEYS_ON_HOST) and any(
            origin["domainName"].endswith((".amazonaws.com", ".on.aws")) for origin in theirs
        ):
            yield path


def certificates_go_with_names(graph: Graph) -> Iterator[str]:
    """CloudFront's own certificate has no names and no minimum version; another one is of us-east-1, with SNI and
    TLS 1.2. DG/cnames-and-https-requirements, DG/DownloadDistValuesGeneral."""
    for one in graph.distributions:
        certificate, names = one.inputs["viewerCertificate"], one.inputs.get("aliases", [])
        own = certificate.get("cloudfrontDefaultCertificate", False)
        if own and (names or certificate.keys() - {"cloudfrontDefaultCertificate"}):
            yield f"{one.name} has names or a minimum version beside CloudFront's own certificate"
        if not own and not (
            names
            and certificate.get("acmCertificateArn", "").startswith("arn:aws:acm:us-east-1:")
            and certificate.get("sslSupportMethod") == "sni-only"
            and certificate.get("minimumProtocolVersion", "").startswith(("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3"))
        ):
            yield f"{one.name} has {certificate}"


def errors_are_those_one_can_keep(graph: Graph) -> Iterator[str]:
    """Certain statuses, each once; a page and its status come together. API_CustomErrorResponse."""
    for one in graph.distributions:
        errors = one.inputs.get("customErrorResponses", [])
        codes = Counter(error["errorCode"] for error in errors)
        yield from (f"{code}" for code, count in codes.items() if code not in ERROR_STATUSES or count > 1)
        for error in errors:
            if ("responseCode" in error) != ("responsePagePath" in error) or error.get("errorCachingMinTtl", 0) < 0:
                yield f"{error}"


def countries_are_named_or_there_is_no_rule(graph: Graph) -> Iterator[str]:
    """``none`` has no countries, the others have, as ISO 3166-1 alpha-2 codes. API_GeoRestriction."""
    for one in graph.distributions:
        geo = one.inputs["restrictions"]["geoRestriction"]
        places = geo.get("locations", [])
        if (geo["restrictionType"] == "none") == bool(places) or any(len(place) != 2 for place in places):
            yield f"{one.name} has {geo}"


def firewalls_are_of_cloudfront(graph: Graph) -> Iterator[str]:
    """The ARN of a WAFv2 ACL of scope CLOUDFRONT, which lives in us-east-1. API_DistributionConfig."""
    for one in graph.distributions:
        acl = one.inputs.get("webAclId", "")
        if acl and not re.match(r"arn:aws:wafv2:us-east-1:\d{12}:global/webacl/", acl):
            yield f"{one.name} has {acl}"


def viewers_use_https(graph: Graph) -> Iterator[str]:
    """Plain HTTP is redirected or refused. DG/using-https-viewers-to-cloudfront."""
    for _, path, behavior in graph.behaviors():
        if behavior["viewerProtocolPolicy"] not in ("redirect-to-https", "https-only"):
            yield path


def functions_run_where_they_may(graph: Graph) -> Iterator[str]:
    """At most one for each of the viewer's two events, and one that is there. DG/edge-function-restrictions-all."""
    made = {one.outputs["arn"] for one in graph.of("cloudfront/function:Function")}
    for _, path, behavior in graph.behaviors():
        used = [(one["eventType"], one["functionArn"]) for one in behavior.get("functionAssociations", [])]
        events = [event for event, _ in used]
        if len(events) != len(set(events)) or not set(events) <= {"viewer-request", "viewer-response"}:
            yield f"{path} has {events}"
        yield from (f"{path} names {arn}" for _, arn in used if arn not in made)


def functions_are_small(graph: Graph) -> Iterator[str]:
    """10 KB of code, and a runtime that exists. DG/cloudfront-function-restrictions."""
    for one in graph.of("cloudfront/function:Function"):
        if len(one.inputs["code"].encode()) > 10_240 or not one.inputs["runtime"].startswith("cloudfront-js-"):
            yield one.name


def metrics_are_of_a_distribution_of_the_graph(graph: Graph) -> Iterator[str]:
    """API_CreateMonitoringSubscription."""
    made = {one.id for one in graph.distributions}
    for one in graph.of("cloudfront/monitoringSubscription:MonitoringSubscription"):
        if one.inputs["distributionId"] not in made:
            yield one.inputs["distributionId"]


def logs_are_delivered_in_us_east_1(graph: Graph) -> Iterator[str]:
    """The whole chain, whatever region the logs go to. DG/standard-logging."""
    for kind in ("LogDelivery", "LogDeliverySource", "LogDeliveryDestination"):
        for one in graph.of(f"cloudwatch/{kind[0].lower()}{kind[1:]}:{kind}"):
            if one.inputs.get("region") != "us-east-1":
                yield f"{one.name} is in {one.inputs.get('region')}"


def logs_are_those_of_a_distribution_of_the_graph(graph: Graph) -> Iterator[str]:
    """``ACCESS_LOGS`` of its ARN, from a source and to a destination that are there. DG/standard-logging."""
    made = {one.outputs["arn"] for one in graph.distributions}
    sources, targets = (
        graph.of(f"cloudwatch/logDelivery{kind}:LogDelivery{kind}") for kind in ("Source", "Destination")
    )
    for one in sources:
        if one.inputs["logType"] != "ACCESS_LOGS" or one.inputs["resourceArn"] not in made:
            yield f"{one.name} delivers {one.inputs['logType']} of {one.inputs['resourceArn']}"
    for one in graph.of("cloudwatch/logDelivery:LogDelivery"):
        ends = one.inputs["deliverySourceName"], one.inputs["deliveryDestinationArn"]
        if ends not in {(a.outputs["name"], b.outputs["arn"]) for a in sources for b in targets}:
            yield f"{one.name} delivers from {ends[0]} to {ends[1]}"


RULES: tuple[Rule, ...] = (
    behaviors_point_at_what_is_there,
    origin_ids_are_unique,
    groups_have_two_members,
    groups_fail_over_on_statuses_that_can,
    only_reads_go_to_a_group,
    methods_come_in_three_sets,
    only_reads_are_cached,
    a_cache_policy_and_nothing_beside_it,
    cache_policies_are_known,
    request_policies_are_known,
    response_policies_are_known,
    a_request_policy_stands_beside_a_cache_policy,
    path_patterns_are_written_as_cloudfront_reads_them,
    quotas_of_a_distribution_hold,
    an_origin_is_of_one_kind,
    a_bucket_is_named_as_its_region_names_it,
    identities_are_those_of_the_graph,
    access_controls_fit_their_origins,
    access_controls_sign,
    timeouts_are_in_range,
    origins_speak_tls_1_2,
    ports_are_ports_of_the_web,
    origin_headers_are_allowed,
    shields_are_where_cloudfront_has_them,
    hosts_of_aws_are_asked_by_their_own_name,
    certificates_go_with_names,
    errors_are_those_one_can_keep,
    countries_are_named_or_there_is_no_rule,
    firewalls_are_of_cloudfront,
    viewers_use_https,
    functions_run_where_they_may,
    functions_are_small,
    metrics_are_of_a_distribution_of_the_graph,
    logs_are_delivered_in_us_east_1,
    logs_are_those_of_a_distribution_of_the_graph,
)
