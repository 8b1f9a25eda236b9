"""Origins of Media CDN: addresses, attempts, timeouts, what comes after a failure, and who may read a bucket."""

import re
from collections.abc import Iterator, Mapping

from recorded import Rule

from gcp_rules.caching import SECRET_VERSION
from gcp_rules.graph import Graph, seconds

ADDRESS = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-fA-F:.]+")
PROTOCOLS = frozenset({"HTTP2", "HTTPS", "HTTP"})
RETRIES = frozenset({"CONNECT_FAILURE", "HTTP_5XX", "GATEWAY_ERROR", "RETRIABLE_4XX", "NOT_FOUND", "FORBIDDEN"})
REDIRECTS = frozenset({"MOVED_PERMANENTLY", "FOUND", "SEE_OTHER", "TEMPORARY_REDIRECT", "PERMANENT_REDIRECT"})
SHIELD = re.compile(r"[A-Z]+_[A-Z]+\d+")
TIMEOUTS: Mapping[str, tuple[int, int]] = {
    "connectTimeout": (1, 15),
    "maxAttemptsTimeout": (1, 30),
    "readTimeout": (1, 30),
    "responseTimeout": (1, 120),
}
RESPONSE_BY_DEFAULT = 30
READER = "roles/storage.objectViewer"


def addresses_are_of_hosts_or_buckets(graph: Graph) -> Iterator[str]:
    """A name, an address without brackets, or ``gs://bucket``: no scheme, no path. API EdgeCacheOrigin."""
    for one in graph.origins:
        if not ADDRESS.fullmatch(one.inputs["originAddress"]):
            yield f"{one.name}: {one.inputs['originAddress']}"


def protocols_and_ports_are_known(graph: Graph) -> Iterator[str]:
    """HTTP2, HTTPS or HTTP; a bucket has neither. MM protocol, port; DOCS/media-cdn/docs/origins."""
    for one in graph.origins:
        bucket = one.inputs["originAddress"].startswith("gs://")
        known = one.inputs.get("protocol", "HTTP2") in PROTOCOLS and 1 <= one.inputs.get("port", 443) <= 65_535
        if not known or (bucket and {"protocol", "port"} & one.inputs.keys()):
            yield one.name


def attempts_are_few(graph: Graph) -> Iterator[str]:
    """1 to 4 of an origin, and 4 of all that are asked one after the other. DOCS/media-cdn/docs/origins."""
    for one in graph.origins:
        counts = [origin.inputs.get("maxAttempts", 1) for origin in graph.chain(one)]
        if not all(1 <= count <= 4 for count in counts) or sum(counts) > 4:
            yield f"{one.name}: {counts}"


def retries_are_on_known_conditions(graph: Graph) -> Iterator[str]:
    """Each once. MM retryConditions."""
    for one in graph.origins:
        conditions = one.inputs.get("retryConditions", ["CONNECT_FAILURE"])
        if not conditions or len(set(conditions)) < len(conditions) or not set(conditions) <= RETRIES:
            yield f"{one.name}: {conditions}"


def timeouts_are_in_range(graph: Graph) -> Iterator[str]:
    """1 to 15 seconds for the headers, 30 for all attempts, 30 without a byte, 120 for the whole body, which is no
    less than what it may be without a byte. API Timeout; DOCS/media-cdn/docs/origins."""
    for one in graph.origins:
        timeout = one.inputs.get("timeout")
        if timeout is None:
            continue
        found = {name: seconds(timeout[name]) for name in timeout}
        ranged = [
            value is not None and TIMEOUTS[name][0] <= value <= TIMEOUTS[name][1] for name, value in found.items()
        ]
        read, whole = found.get("readTimeout"), found.get("responseTimeout", RESPONSE_BY_DEFAULT)
        if not found or not all(ranged) or (read is not None and whole is not None and read > whole):
            yield f"{one.name}: {timeout}"


def origins_after_a_failure_are_of_the_graph(graph: Graph) -> Iterator[str]:
    """Of the graph, and never one that has failed already. API EdgeCacheOrigin.failoverOrigin."""
    for one in graph.origins:
        after = one.inputs.get("failoverOrigin")
        if after is not None and graph.origin(after) is None:
            yield f"{one.name} fails over to {after}"
        if after is not None and graph.origin(graph.chain(one)[-1].inputs.get("failoverOrigin")) is not None:
            yield f"{one.name} fails over in a circle"


def a_missing_result_is_asked_of_the_gateway(graph: Graph) -> Iterator[str]:
    """A bucket with an origin behind it fails over when the object is not there: 404, and 403 to whoever cannot list;
    and when the bucket cannot be asked, or says 429. DOCS/storage/docs/xml-api/reference-status#404."""
    wanted = {"CONNECT_FAILURE", "HTTP_5XX", "RETRIABLE_4XX", "NOT_FOUND", "FORBIDDEN"}
    for one in graph.origins:
        if one.inputs["originAddress"].startswith("gs://") and "failoverOrigin" in one.inputs:
            yield from (f"{one.name}: {lacking}" for lacking in wanted - {*one.inputs.get("retryConditions", [])})


def hosts_are_asked_by_a_name_of_their_own(graph: Graph) -> Iterator[str]:
    """The Host is the caller's unless it is rewritten, SNI is the Host, and the certificate has to fit; Cloud Run finds
    a service by it. 1 to 255 characters. DOCS/media-cdn/docs/origins."""
    for one in graph.origins:
        address = one.inputs["originAddress"]
        host = one.inputs.get("originOverrideAction", {}).get("urlRewrite", {}).get("hostRewrite", "")
        runs = address.endswith(".run.app")
        if not address.startswith("gs://") and (not 1 <= len(host) <= 255 or (runs and host != address)):
            yield f"{one.name}: {host!r}"


def functions_are_asked_over_tls(graph: Graph) -> Iterator[str]:
    """What proves Media CDN to the gateway is a header, and goes over the internet. DOCS/media-cdn/docs/origins."""
    for one in graph.origins:
        runs = one.inputs["originAddress"].endswith(".run.app")
        if runs and (one.inputs.get("protocol", "HTTP2") == "HTTP" or one.inputs.get("port", 443) != 443):
            yield one.name


def origin_headers_are_few(graph: Graph) -> Iterator[str]:
    """1 to 25, each with a name and a value. MM originOverrideAction.headerAction."""
    for one in graph.origins:
        action = one.inputs.get("originOverrideAction", {}).get("headerAction", {})
        if action:
            headers = action.get("requestHeadersToAdds", [])
            complete = all(header.get("headerName") and header.get("headerValue") for header in headers)
            if not 1 <= len(headers) <= 25 or not complete:
                yield f"{one.name}: {len(headers)}"


def callers_do_not_prove_to_be_the_edge(graph: Graph) -> Iterator[str]:
    """A header that an origin adds replaces the caller's. MM requestHeadersToAdd.replace."""
    for one in graph.origins:
        headers = one.inputs.get("originOverrideAction", {}).get("headerAction", {}).get("requestHeadersToAdds", [])
        yield from (f"{one.name}: {each['headerName']}" for each in headers if each.get("replace") is not True)


def redirects_are_followed_on_known_statuses(graph: Graph) -> Iterator[str]:
    """At most 5, each once. MM originRedirect.redirectConditions."""
    for one in graph.origins:
        conditions = one.inputs.get("originRedirect", {}).get("redirectConditions", [])
        if len(set(conditions)) < len(conditions) or not set(conditions) <= REDIRECTS:
            yield f"{one.name}: {conditions}"


def shields_are_regions(graph: Graph) -> Iterator[str]:
    """One region, as the API writes it. API FlexShieldingOptions."""
    for one in graph.origins:
        region = one.inputs.get("flexShielding", {}).get("flexShieldingRegions", "EUROPE_WEST3")
        if not SHIELD.fullmatch(region):
            yield f"{one.name}: {region}"


def keys_of_s3_are_in_secret_manager(graph: Graph) -> Iterator[str]:
    """API AWSV4Signature."""
    for one in graph.origins:
        signed = one.inputs.get("awsV4Authentication")
        if signed is not None and not SECRET_VERSION.fullmatch(signed["secretAccessKeyVersion"]):
            yield one.name


def buckets_behind_an_origin_may_be_read(graph: Graph) -> Iterator[str]:
    """By the agent that fills this project's caches, all of the bucket: without the grant every answer is a 403, and
    under a condition on names a missing object is one too. DOCS/media-cdn/docs/origins."""
    for one in graph.origins:
        address = one.inputs["originAddress"]
        readers = [
            grant
            for grant in graph.grants()
            if address == f"gs://{grant.what}" and grant.role == READER and _fills(grant.member)
        ]
        if address.startswith("gs://") and not any("condition" not in each.resource.inputs for each in readers):
            yield f"{one.name}: {address}"


def the_agent_is_there_before_it_is_let_in(graph: Graph) -> Iterator[str]:
    """Google makes it with a project's first origin, and IAM takes no member that is not there: ``Service account ...
    does not exist``. DOCS/iam/docs/service-account-types."""
    made = {one.urn for one in graph.origins}
    for grant in graph.grants():
        if _fills(grant.member) and not made & set(grant.resource.options.depends_on):
            yield grant.resource.name


def _fills(member: str) -> bool:
    return (
        re.fullmatch(r"serviceAccount:service-\d+@gcp-sa-mediaedgefill\.iam\.gserviceaccount\.com", member) is not None
    )


RULES: tuple[Rule, ...] = (
    addresses_are_of_hosts_or_buckets,
    protocols_and_ports_are_known,
    attempts_are_few,
    retries_are_on_known_conditions,
    timeouts_are_in_range,
    origins_after_a_failure_are_of_the_graph,
    a_missing_result_is_asked_of_the_gateway,
    hosts_are_asked_by_a_name_of_their_own,
    functions_are_asked_over_tls,
    origin_headers_are_few,
    callers_do_not_prove_to_be_the_edge,
    redirects_are_followed_on_known_statuses,
    shields_are_regions,
    keys_of_s3_are_in_secret_manager,
    buckets_behind_an_origin_may_be_read,
    the_agent_is_there_before_it_is_let_in,
)
