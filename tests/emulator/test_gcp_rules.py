"""The rules find nothing in what is valid on GCP, and each finds what breaks it."""

import base64
import json
from collections.abc import Callable
from functools import cache as once
from pathlib import Path
from typing import Any

import mutants
import pytest
from gcp_programs import BY_HAND, CERTIFICATE, MASTER, MODEL_KEY, PROGRAMS
from gcp_rules import RULES, findings
from mutants import GONE, Change, Mutant, all_of, exported

from inference_edge_cache.testing import Recording, Secret, record, reveal

BUCKET, FORGETS, FAILOVER = "a bucket", "a bucket that forgets", "failover"
ROUTES, NAMES, APIS = "routes", "names, pages, logs", "APIs"
VERTEX, PUBLISHED, HTTPS = "a gateway to Vertex AI", "a gateway to a publisher's model", "a gateway to an https model"
PAGES, NAMED = "a gateway for web pages", "a gateway under a name"

SERVICE = "gcp:networkservices/edgeCacheService:EdgeCacheService"
ORIGIN = "gcp:networkservices/edgeCacheOrigin:EdgeCacheOrigin"
KEYSET = "gcp:networkservices/edgeCacheKeyset:EdgeCacheKeyset"
STORAGE, OBJECT = "gcp:storage/bucket:Bucket", "gcp:storage/bucketObject:BucketObject"
READER = "gcp:storage/bucketIAMMember:BucketIAMMember"
FUNCTION = "gcp:cloudfunctionsv2/function:Function"
INVOKER = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
ACCOUNT, ROLE = "gcp:serviceaccount/account:Account", "gcp:projects/iAMCustomRole:IAMCustomRole"
IN_PROJECT = "gcp:projects/iAMMember:IAMMember"
SECRET, VERSION = "gcp:secretmanager/secret:Secret", "gcp:secretmanager/secretVersion:SecretVersion"
SECRET_READER = "gcp:secretmanager/secretIamMember:SecretIamMember"
MODEL_CALLER = "gcp:vertex/aiEndpointIamMember:AiEndpointIamMember"
METRIC, DASHBOARD = "gcp:logging/metric:Metric", "gcp:monitoring/dashboard:Dashboard"
API = "gcp:projects/service:Service"

HOSTS = "routing.hostRules.0"
MATCHER = "routing.pathMatchers.0"
RULE = f"{MATCHER}.routeRules"
VARIABLES = "serviceConfig.environmentVariables"
OURS = f"{VARIABLES}.INFERENCE_EDGE_CACHE"
LIFECYCLE = "lifecycleRules"
NOBODY = "serviceAccount:nobody@elsewhere.iam.gserviceaccount.com"
DELETE_NEXT_DAY = {"action": {"type": "Delete"}, "condition": {"age": 1}}


@once
def recorded(program: str) -> Recording:
    """What a program registered. Recorded once: nobody changes it, mutants are copies."""
    return PROGRAMS[program]()


def rule(index: int, path: str, value: Any) -> Change:
    """A service with ``value`` in one of its route rules."""
    return mutants.put(SERVICE, f"{RULE}.{index}.{path}", value)


def action(index: int, path: str, value: Any) -> Change:
    return rule(index, f"routeAction.{path}", value)


def cdn(index: int, **fields: Any) -> Change:
    """A route rule with these fields of its CDN policy."""
    return action(index, "cdnPolicy", lambda old: {**old, **fields})


def key(index: int, **fields: Any) -> Change:
    return action(index, "cdnPolicy.cacheKeyPolicy", fields)


def service(path: str, value: Any) -> Change:
    return mutants.put(SERVICE, path, value)


def origin(path: str, value: Any, name: str = "") -> Change:
    return mutants.put(ORIGIN, path, value, name)


def function(path: str, value: Any) -> Change:
    return mutants.put(FUNCTION, path, value)


def bucket(path: str, value: Any, name: str = "bucket") -> Change:
    return mutants.put(STORAGE, path, value, name)


def dashboard(change: Callable[[Any], Any]) -> Change:
    """A dashboard whose document was changed in place."""

    def rewrite(text: str) -> str:
        found = json.loads(text)
        change(found)
        return json.dumps(found)

    return mutants.put(DASHBOARD, "dashboardJson", rewrite)


def dashboard_text(old: str, new: str) -> Change:
    return mutants.put(DASHBOARD, "dashboardJson", lambda text: text.replace(old, new))


def more(item: Any) -> Callable[[list[Any]], list[Any]]:
    return lambda old: [*old, item]


def of_recording(make: Callable[[Recording], Change]) -> Change:
    """A change that depends on what was recorded."""
    return lambda recording: make(recording)(recording)


def id_of(recording: Recording, type_: str, name: str = "") -> Any:
    return mutants.first(recording, type_, name).id


WHOLE_ACCOUNT = "roles/aiplatform.user"
EXAMPLES = {
    "gcp-https-endpoint": {"modelKey": Secret(MODEL_KEY)},
    "gcp-vertex-ai": {"master": Secret(MASTER)},
    "one-policy-two-clouds": {"cloud": "gcp"},
}
"""By folder, the configuration beside the defaults of its ``Pulumi.yaml``."""

MUTANTS = [
    # Fields
    Mutant("fields_are_those_of_the_provider", BUCKET, rule(0, "priority", 10)),
    Mutant("fields_are_those_of_the_provider", BUCKET, rule(0, "wasmAction", "plugin")),
    Mutant("fields_are_those_of_the_provider", BUCKET, service("logConfig.enable", "no")),
    Mutant("fields_are_those_of_the_provider", BY_HAND, cdn(0, addSignatures={"actions": ["GENERATE_COOKIE"]})),
    Mutant("fields_are_those_of_the_provider", NAMES, origin("flexShielding.flexShieldingRegions", ["EUROPE_WEST3"])),
    Mutant("fields_are_those_of_the_provider", NAMES, service("edgeSslCertificates", CERTIFICATE)),
    Mutant("fields_are_those_of_the_provider", BUCKET, origin("timeout", "15s")),
    # Services
    Mutant("names_are_allowed", BUCKET, mutants.output(SERVICE, "name", "1st-cache")),
    Mutant("names_are_allowed", BUCKET, mutants.output(ORIGIN, "name", "o" * 65)),
    Mutant("names_are_taken_once", BUCKET, mutants.twice(ORIGIN)),
    Mutant("there_are_few_of_each", BUCKET, mutants.twice(ORIGIN, 30)),
    Mutant("hosts_lead_to_path_matchers", BUCKET, service(f"{HOSTS}.pathMatcher", "others")),
    Mutant("hosts_lead_to_path_matchers", BUCKET, service(MATCHER, lambda old: {**old, "name": "others"})),
    Mutant("hosts_lead_to_path_matchers", BUCKET, service("routing.hostRules", [])),
    Mutant("hosts_lead_to_path_matchers", BUCKET, service("routing.hostRules", lambda old: old * 51)),
    Mutant("hosts_lead_to_path_matchers", BUCKET, service("routing.pathMatchers", lambda old: old * 2)),
    Mutant("hosts_are_written_as_media_cdn_reads_them", BUCKET, service(f"{HOSTS}.hosts", ["a.example.com:443"])),
    Mutant("hosts_are_written_as_media_cdn_reads_them", BUCKET, service(f"{HOSTS}.hosts", ["a.*.example.com"])),
    Mutant("hosts_are_written_as_media_cdn_reads_them", BUCKET, service(f"{HOSTS}.hosts", ["*", "*"])),
    Mutant("hosts_are_written_as_media_cdn_reads_them", BUCKET, service(f"{HOSTS}.hosts", [])),
    Mutant(
        "hosts_are_written_as_media_cdn_reads_them",
        BUCKET,
        service(f"{HOSTS}.hosts", [f"{number}.example.com" for number in range(11)]),
    ),
    Mutant("tls_has_certificates", BUCKET, service("requireTls", True)),
    Mutant("tls_has_certificates", NAMES, service("edgeSslCertificates", lambda old: old * 6)),
    Mutant("tls_has_certificates", BY_HAND, service("edgeSslCertificates", GONE)),
    Mutant("names_with_certificates_are_asked_over_tls", NAMES, service("requireTls", False)),
    Mutant("ssl_policies_are_never_set", BUCKET, service("sslPolicy", "modern")),
    Mutant("sample_rates_are_of_logs_that_are_on", BUCKET, service("logConfig.sampleRate", 1)),
    Mutant("sample_rates_are_of_logs_that_are_on", NAMES, service("logConfig.sampleRate", 1.5)),
    # Routes
    Mutant("rules_are_at_most_200", BUCKET, service(RULE, lambda old: old * 67)),
    Mutant("rules_are_at_most_200", BUCKET, service(RULE, [])),
    Mutant("priorities_are_numbers_of_their_own", BUCKET, rule(0, "priority", "1000")),
    Mutant("priorities_are_numbers_of_their_own", BUCKET, rule(0, "priority", "0")),
    Mutant("priorities_are_numbers_of_their_own", BUCKET, rule(0, "priority", "first")),
    Mutant("priorities_are_numbers_of_their_own", BUCKET, rule(1, "priority", "998")),
    Mutant("matches_are_of_one_path", BUCKET, rule(0, "matchRules.0.fullPathMatch", "/artifacts/x")),
    Mutant("matches_are_of_one_path", BUCKET, rule(0, "matchRules", [])),
    Mutant("matches_are_of_one_path", BUCKET, rule(0, "matchRules", [{"prefixMatch": f"/{n}/"} for n in range(6)])),
    Mutant("matches_are_of_one_path", BUCKET, rule(0, "matchRules", [{"ignoreCase": True}])),
    Mutant("matches_are_of_one_path", BUCKET, rule(0, "matchRules.0.prefixMatch", "artifacts/")),
    Mutant("matches_are_of_one_path", BUCKET, rule(0, "matchRules.0.prefixMatch", "/" + "a" * 1024)),
    Mutant("matches_are_of_one_path", BY_HAND, rule(0, "matchRules.0.pathTemplateMatch", "/{all=**}/{file=*}")),
    Mutant("matches_are_of_one_path", BY_HAND, rule(0, "matchRules.0.pathTemplateMatch", "/*" * 11)),
    Mutant("matches_are_of_one_path", BY_HAND, rule(0, "matchRules.0.pathTemplateMatch", "/" + "a" * 255)),
    Mutant("headers_are_matched_in_one_way", BUCKET, rule(1, "matchRules.0.headerMatches.0.presentMatch", True)),
    Mutant("headers_are_matched_in_one_way", BUCKET, rule(1, "matchRules.0.headerMatches", lambda old: old * 4)),
    Mutant("headers_are_matched_in_one_way", BUCKET, rule(1, "matchRules.0.headerMatches.0.headerName", "")),
    Mutant(
        "parameters_are_matched_in_one_way",
        BY_HAND,
        rule(0, "matchRules.0.queryParameterMatches.0.presentMatch", True),
    ),
    Mutant(
        "parameters_are_matched_in_one_way", BY_HAND, rule(0, "matchRules.0.queryParameterMatches", lambda old: old * 3)
    ),
    Mutant(
        "parameters_are_matched_in_one_way", BY_HAND, rule(0, "matchRules.0.queryParameterMatches.0.name", "n" * 33)
    ),
    Mutant(
        "parameters_are_matched_in_one_way", BY_HAND, rule(0, "matchRules.0.queryParameterMatches.0.exactMatch", "")
    ),
    Mutant("no_rule_hides_another", BUCKET, rule(2, "priority", "1")),
    Mutant("no_rule_hides_another", VERTEX, rule(3, "priority", "1")),
    Mutant("no_rule_hides_another", BY_HAND, rule(2, "priority", "1")),
    Mutant("a_route_has_an_origin_or_redirects", BUCKET, rule(0, "origin", GONE)),
    Mutant("a_route_has_an_origin_or_redirects", BUCKET, rule(0, "urlRedirect", {"pathRedirect": "/"})),
    Mutant("origins_of_routes_are_of_the_graph", BUCKET, rule(0, "origin", "nobody")),
    Mutant("origins_of_routes_are_of_the_graph", VERTEX, mutants.without(ORIGIN, "-gateway")),
    Mutant("methods_are_known", BUCKET, rule(0, "routeMethods.allowedMethods", ["GET", "TRACE"])),
    Mutant("methods_are_known", BUCKET, rule(0, "routeMethods.allowedMethods", [])),
    Mutant("methods_are_known", BUCKET, rule(0, "routeMethods.allowedMethods", ["GET", "GET"])),
    Mutant("methods_that_are_matched_are_let_in", BUCKET, rule(1, "routeMethods.allowedMethods", ["PUT"])),
    Mutant("buckets_are_read_only", BUCKET, rule(0, "routeMethods.allowedMethods", more("PUT"))),
    Mutant("buckets_are_read_only", VERTEX, rule(2, "routeMethods.allowedMethods", more("POST"))),
    Mutant("header_actions_are_few", BUCKET, rule(0, "headerAction.responseHeaderToAdds", lambda old: old * 26)),
    Mutant("header_actions_are_few", BUCKET, rule(0, "headerAction.requestHeaderToRemoves.0.headerName", "")),
    Mutant("header_actions_are_few", BUCKET, rule(0, "headerAction.requestHeaderToRemoves", [])),
    Mutant("rewrites_fit_their_matches", ROUTES, action(0, "urlRewrite.pathPrefixRewrite", "base/")),
    Mutant("rewrites_fit_their_matches", ROUTES, action(0, "urlRewrite.pathTemplateRewrite", "/{file}")),
    Mutant("rewrites_fit_their_matches", BY_HAND, action(0, "urlRewrite", {"pathPrefixRewrite": "/"})),
    Mutant("rewrites_fit_their_matches", BY_HAND, action(0, "urlRewrite.hostRewrite", "")),
    Mutant("redirects_go_somewhere", BY_HAND, rule(1, "urlRedirect.pathRedirect", "/new")),
    Mutant("redirects_go_somewhere", BY_HAND, rule(1, "urlRedirect.redirectResponseCode", "MOVED")),
    Mutant("redirects_go_somewhere", BY_HAND, rule(1, "urlRedirect.prefixRedirect", "/" + "a" * 1024)),
    Mutant("redirects_go_somewhere", BY_HAND, rule(1, "urlRedirect.hostRedirect", "")),
    Mutant("redirects_go_somewhere", BY_HAND, rule(1, "urlRedirect", {"stripQuery": True})),
    Mutant("pages_are_answered_completely", NAMES, action(0, "corsPolicy.maxAge", "86401s")),
    Mutant("pages_are_answered_completely", NAMES, action(0, "corsPolicy.maxAge", GONE)),
    Mutant("pages_are_answered_completely", NAMES, action(0, "corsPolicy.allowOrigins", [])),
    Mutant("pages_are_answered_completely", NAMES, action(0, "corsPolicy.allowOrigins", lambda old: old * 26)),
    Mutant("pages_are_answered_completely", NAMES, action(0, "corsPolicy.allowMethods", lambda old: old * 2)),
    Mutant(
        "pages_are_answered_completely",
        NAMES,
        action(0, "corsPolicy", lambda old: {**old, "allowOrigins": ["*"], "allowCredentials": True}),
    ),
    Mutant("pages_are_answered_completely", NAMES, rule(1, "routeMethods.allowedMethods", ["GET", "HEAD"])),
    Mutant("compression_is_known", BUCKET, action(0, "compressionMode", "BROTLI")),
    # Caching
    Mutant("modes_are_known", BUCKET, cdn(0, cacheMode="CACHE_EVERYTHING")),
    Mutant("ttls_are_those_of_their_mode", BUCKET, cdn(1, defaultTtl="0s")),
    Mutant("ttls_are_those_of_their_mode", BUCKET, cdn(0, maxTtl="86400s")),
    Mutant("ttls_are_those_of_their_mode", BY_HAND, cdn(2, clientTtl="60s")),
    Mutant("ttls_are_said_where_they_count", BUCKET, action(2, "cdnPolicy.maxTtl", GONE)),
    Mutant("ttls_are_said_where_they_count", BUCKET, action(0, "cdnPolicy.defaultTtl", GONE)),
    Mutant("ttls_are_in_order", BUCKET, cdn(2, defaultTtl="86401s")),
    Mutant("ttls_are_in_order", BUCKET, cdn(0, defaultTtl="31536001s")),
    Mutant("ttls_are_in_order", BUCKET, cdn(0, defaultTtl="1.5s")),
    Mutant("ttls_are_in_order", BUCKET, cdn(0, defaultTtl="86400")),
    Mutant("ttls_are_in_order", BUCKET, cdn(0, defaultTtl="-1s")),
    Mutant("ttls_are_in_order", BUCKET, cdn(0, clientTtl="0s")),
    Mutant("ttls_are_in_order", BUCKET, cdn(2, clientTtl="7200s")),
    Mutant("ttls_are_in_order", BUCKET, cdn(0, defaultTtl="172800s", clientTtl="86401s")),
    Mutant("errors_are_those_one_can_keep", BUCKET, cdn(0, negativeCachingPolicy={"404": "5s"})),
    Mutant("errors_are_those_one_can_keep", BUCKET, cdn(0, negativeCaching=True, negativeCachingPolicy={"401": "5s"})),
    Mutant(
        "errors_are_those_one_can_keep", BUCKET, cdn(0, negativeCaching=True, negativeCachingPolicy={"404": "86401s"})
    ),
    Mutant("keys_are_short", BUCKET, key(0, includedHeaderNames=[f"x-{number}" for number in range(6)])),
    Mutant("keys_are_short", BUCKET, key(0, includedCookieNames=["a", "b", "c", "d"])),
    Mutant("keys_are_short", BUCKET, key(0, includedQueryParameters=["a"], excludedQueryParameters=["b"])),
    Mutant("keys_are_short", BUCKET, key(0, includedQueryParameters=["a"], excludeQueryString=True)),
    Mutant("keys_are_short", BUCKET, key(0, excludedQueryParameters=["q" * 33])),
    Mutant("keys_are_short", BUCKET, key(0, includedQueryParameters=[f"q{number}" for number in range(21)])),
    *[
        Mutant("keys_hold_what_may_be_in_them", BUCKET, key(0, includedHeaderNames=[name]))
        for name in ("Authorization", "content-type", "Sec-Fetch-Site", "access-control-request-method", "range")
    ],
    Mutant("keys_hold_what_may_be_in_them", BUCKET, key(0, includedCookieNames=["Edge-Cache-Cookie"])),
    Mutant(
        "what_is_shared_does_not_know_who_asks",
        BUCKET,
        rule(2, "headerAction.requestHeaderToRemoves", lambda old: old[1:]),
    ),
    Mutant(
        "what_is_shared_does_not_know_who_asks",
        VERTEX,
        rule(2, "headerAction.requestHeaderToRemoves", lambda old: old[:1]),
    ),
    Mutant("what_is_not_read_is_not_cached", BUCKET, rule(2, "routeMethods.allowedMethods", more("POST"))),
    Mutant("what_is_not_read_is_not_cached", VERTEX, cdn(0, cacheMode="FORCE_CACHE_ALL", defaultTtl="60s")),
    Mutant("signed_requests_have_keys", BY_HAND, cdn(0, signedRequestKeyset="nobody's")),
    Mutant("signed_requests_have_keys", BY_HAND, cdn(0, signedRequestMode="REQUIRE_ALL")),
    Mutant("signed_requests_have_keys", BY_HAND, cdn(0, signedRequestMode="REQUIRE_SIGNATURES")),
    Mutant("signed_requests_have_keys", BY_HAND, cdn(0, signedRequestMaximumExpirationTtl="0s")),
    Mutant("signed_requests_have_keys", BY_HAND, cdn(0, signedTokenOptions={"allowedSignatureAlgorithms": ["RSA"]})),
    Mutant("signed_requests_have_keys", BY_HAND, cdn(0, signedTokenOptions={"tokenQueryParameter": "1st"})),
    *[
        Mutant("signatures_are_added_to_tokens", BY_HAND, action(0, f"cdnPolicy.addSignatures.{field}", value))
        for field, value in (
            ("actions", "GENERATE_ALL"),
            ("keyset", GONE),
            ("tokenTtl", "604801s"),
            ("copiedParameters", ["exp"]),
        )
    ],
    Mutant("signatures_are_added_to_tokens", BY_HAND, cdn(0, signedRequestMode="DISABLED")),
    Mutant("keysets_have_keys", BY_HAND, mutants.put(KEYSET, "publicKeys.0.value", "c2hvcnQ=")),
    Mutant("keysets_have_keys", BY_HAND, mutants.put(KEYSET, "publicKeys.0", {"id": "b", "managed": True})),
    Mutant("keysets_have_keys", BY_HAND, mutants.put(KEYSET, "publicKeys.0.managed", True)),
    Mutant("keysets_have_keys", BY_HAND, mutants.put(KEYSET, "publicKeys", lambda old: old * 2)),
    Mutant("keysets_have_keys", BY_HAND, mutants.put(KEYSET, "validationSharedKeys.0.secretVersion", "secrets/s")),
    Mutant(
        "keysets_have_keys",
        BY_HAND,
        all_of(mutants.put(KEYSET, "publicKeys", GONE), mutants.put(KEYSET, "validationSharedKeys", GONE)),
    ),
    # Origins
    Mutant("addresses_are_of_hosts_or_buckets", BUCKET, origin("originAddress", "https://model.example.com")),
    Mutant("addresses_are_of_hosts_or_buckets", BUCKET, origin("originAddress", "model.example.com/v1")),
    Mutant("addresses_are_of_hosts_or_buckets", BUCKET, origin("originAddress", "[2001:db8::1]")),
    Mutant("addresses_are_of_hosts_or_buckets", BUCKET, origin("originAddress", "gs://bucket/prefix", "-bucket")),
    Mutant("protocols_and_ports_are_known", BUCKET, origin("protocol", "HTTP3")),
    Mutant("protocols_and_ports_are_known", BUCKET, origin("port", 65_536)),
    Mutant("protocols_and_ports_are_known", BUCKET, origin("protocol", "HTTPS", "-bucket")),
    Mutant("attempts_are_few", BUCKET, origin("maxAttempts", 0)),
    Mutant("attempts_are_few", BUCKET, origin("maxAttempts", 5)),
    Mutant("attempts_are_few", FAILOVER, origin("maxAttempts", 4, "-origin")),
    Mutant("retries_are_on_known_conditions", BUCKET, origin("retryConditions", ["TOO_MANY_REQUESTS"])),
    Mutant("retries_are_on_known_conditions", BUCKET, origin("retryConditions", lambda old: old * 2)),
    Mutant("retries_are_on_known_conditions", BUCKET, origin("retryConditions", [])),
    *[
        Mutant("timeouts_are_in_range", BUCKET, origin(f"timeout.{field}", value))
        for field, value in (
            ("connectTimeout", "16s"),
            ("connectTimeout", "0s"),
            ("maxAttemptsTimeout", "31s"),
            ("readTimeout", "31s"),
            ("responseTimeout", "121s"),
            ("responseTimeout", "29s"),
            ("readTimeout", "30"),
        )
    ],
    Mutant("timeouts_are_in_range", BUCKET, origin("timeout", {})),
    Mutant("timeouts_are_in_range", BUCKET, origin("timeout", {"readTimeout": "31s"})),
    Mutant("origins_after_a_failure_are_of_the_graph", FAILOVER, origin("failoverOrigin", "nobody", "-origin")),
    Mutant("origins_after_a_failure_are_of_the_graph", VERTEX, mutants.without(ORIGIN, "-gateway")),
    Mutant(
        "origins_after_a_failure_are_of_the_graph",
        FAILOVER,
        of_recording(lambda found: origin("failoverOrigin", id_of(found, ORIGIN, "-origin"), "-failover")),
    ),
    Mutant(
        "origins_after_a_failure_are_of_the_graph",
        FAILOVER,
        of_recording(lambda found: origin("failoverOrigin", id_of(found, ORIGIN, "-origin"), "-origin")),
    ),
    *[
        Mutant(
            "a_missing_result_is_asked_of_the_gateway",
            VERTEX,
            origin("retryConditions", lambda old, index=index: old[:index] + old[index + 1 :], "-results"),
        )
        for index in range(5)
    ],
    Mutant(
        "hosts_are_asked_by_a_name_of_their_own", BUCKET, origin("originOverrideAction.urlRewrite.hostRewrite", GONE)
    ),
    Mutant(
        "hosts_are_asked_by_a_name_of_their_own",
        VERTEX,
        origin("originOverrideAction.urlRewrite.hostRewrite", "cache.example.com", "-gateway"),
    ),
    Mutant("functions_are_asked_over_tls", VERTEX, origin("protocol", "HTTP", "-gateway")),
    Mutant("functions_are_asked_over_tls", VERTEX, origin("port", 80, "-gateway")),
    *[
        Mutant("origin_headers_are_few", ROUTES, origin(f"originOverrideAction.headerAction.{path}", value))
        for path, value in (
            ("requestHeadersToAdds", []),
            ("requestHeadersToAdds", lambda old: old * 26),
            ("requestHeadersToAdds.0.headerName", ""),
            ("requestHeadersToAdds.0.headerValue", ""),
        )
    ],
    Mutant(
        "callers_do_not_prove_to_be_the_edge",
        VERTEX,
        origin("originOverrideAction.headerAction.requestHeadersToAdds.0.replace", GONE, "-gateway"),
    ),
    Mutant(
        "redirects_are_followed_on_known_statuses",
        BY_HAND,
        origin("originRedirect.redirectConditions", ["NOT_MODIFIED"]),
    ),
    Mutant(
        "redirects_are_followed_on_known_statuses",
        BY_HAND,
        origin("originRedirect.redirectConditions", lambda old: old * 2),
    ),
    Mutant("shields_are_regions", NAMES, origin("flexShielding.flexShieldingRegions", "europe-west3")),
    Mutant(
        "keys_of_s3_are_in_secret_manager", BY_HAND, origin("awsV4Authentication.secretAccessKeyVersion", "the key")
    ),
    Mutant("buckets_behind_an_origin_may_be_read", BUCKET, mutants.without(READER)),
    Mutant("buckets_behind_an_origin_may_be_read", VERTEX, mutants.put(READER, "member", NOBODY, "-reader")),
    Mutant(
        "buckets_behind_an_origin_may_be_read",
        BUCKET,
        mutants.put(READER, "condition", {"title": "some", "expression": "true"}),
    ),
    Mutant("the_agent_is_there_before_it_is_let_in", BUCKET, mutants.independent(READER)),
    # Storage
    Mutant("buckets_are_private", BUCKET, bucket("publicAccessPrevention", "inherited")),
    Mutant("buckets_are_private", VERTEX, bucket("uniformBucketLevelAccess", False, "-results")),
    Mutant("buckets_are_private", VERTEX, bucket("uniformBucketLevelAccess", GONE, "-source")),
    Mutant("there_are_no_acls", BUCKET, mutants.of_type(READER, "gcp:storage/bucketACL:BucketACL")),
    Mutant("names_of_buckets_are_allowed", BUCKET, mutants.output(STORAGE, "name", "Artifacts")),
    Mutant("names_of_buckets_are_allowed", BUCKET, mutants.output(STORAGE, "name", "artifacts.example.com")),
    Mutant("names_of_buckets_are_allowed", BUCKET, mutants.output(STORAGE, "name", "google-artifacts")),
    Mutant(
        "deleted_objects_are_kept_for_days_or_not_at_all",
        VERTEX,
        bucket("softDeletePolicy.retentionDurationSeconds", 3600, "-results"),
    ),
    *[
        Mutant("rules_of_a_lifecycle_are_complete", BUCKET, bucket(f"{LIFECYCLE}.{path}", value))
        for path, value in (
            ("0.action.type", "Remove"),
            ("0.action", {"type": "SetStorageClass"}),
            ("0.action.storageClass", "NEARLINE"),
            ("0.condition", {}),
            ("0.condition.withState", "OLD"),
            ("0.condition.daysSinceNoncurrentTime", 0),
            ("1.condition.withState", "LIVE"),
            ("1.condition.matchesPrefixes", []),
        )
    ],
    Mutant("rules_of_a_lifecycle_are_complete", BUCKET, bucket(LIFECYCLE, lambda old: old * 51)),
    Mutant(
        "rules_of_a_lifecycle_do_not_contradict_each_other",
        VERTEX,
        bucket(LIFECYCLE, more(DELETE_NEXT_DAY), "-results"),
    ),
    Mutant("rules_of_a_lifecycle_do_not_contradict_each_other", FORGETS, bucket(LIFECYCLE, more(DELETE_NEXT_DAY))),
    Mutant("a_lifecycle_speaks_of_versions_where_there_are_some", BUCKET, bucket("versioning.enabled", False)),
    Mutant("a_lifecycle_speaks_of_versions_where_there_are_some", BUCKET, bucket(f"{LIFECYCLE}.0", DELETE_NEXT_DAY)),
    Mutant(
        "retention_and_lifecycle_agree",
        FORGETS,
        bucket("retentionPolicy", {"retentionPeriod": str(91 * 86_400)}),
    ),
    Mutant("what_a_program_writes_is_forgotten", VERTEX, bucket("softDeletePolicy", GONE, "-results")),
    Mutant("what_a_program_writes_is_forgotten", VERTEX, bucket("versioning.enabled", True, "-results")),
    Mutant("what_a_program_writes_is_forgotten", VERTEX, bucket(LIFECYCLE, [], "-results")),
    Mutant("objects_are_in_buckets_of_the_graph", VERTEX, mutants.put(OBJECT, "bucket", "theirs")),
    Mutant("objects_are_in_buckets_of_the_graph", VERTEX, mutants.put(OBJECT, "name", "a\nb")),
    Mutant("objects_are_in_buckets_of_the_graph", VERTEX, mutants.put(OBJECT, "source", {"path": "x"}, "-document")),
    Mutant(
        "objects_of_the_graph_are_not_forgotten",
        VERTEX,
        bucket(f"{LIFECYCLE}.0.condition.matchesPrefixes", GONE, "-results"),
    ),
    Mutant("documents_are_served_as_what_they_are", VERTEX, mutants.put(OBJECT, "contentType", GONE, "-document")),
    Mutant("documents_are_served_as_what_they_are", VERTEX, mutants.put(OBJECT, "cacheControl", GONE, "-document")),
    # Functions
    Mutant("names_of_functions_are_allowed", VERTEX, mutants.output(FUNCTION, "name", "Gateway")),
    Mutant("names_of_functions_are_allowed", VERTEX, mutants.output(FUNCTION, "name", "g" * 64)),
    Mutant("functions_are_built_from_the_graph", VERTEX, function("buildConfig.source.storageSource.object", "x.zip")),
    Mutant("functions_are_built_from_the_graph", VERTEX, function("buildConfig.runtime", "python310")),
    Mutant("functions_are_built_from_the_graph", VERTEX, mutants.without(OBJECT, "-archive")),
    Mutant("sources_have_an_entry_point", VERTEX, function("buildConfig.entryPoint", "handler")),
    Mutant(
        "sources_have_an_entry_point",
        VERTEX,
        mutants.put(OBJECT, "source.assets", lambda old: {k: old[k] for k in old if k != "main.py"}, "-archive"),
    ),
    Mutant(
        "sources_have_an_entry_point",
        VERTEX,
        mutants.put(
            OBJECT,
            "source.assets",
            lambda old: {**old, "requirements.txt": {**old["requirements.txt"], "text": "flask"}},
            "-archive",
        ),
    ),
    Mutant(
        "sources_change_their_name_with_their_content",
        VERTEX,
        function("buildConfig.source.storageSource.object", "gateway.zip"),
    ),
    *[
        Mutant("functions_are_within_limits", VERTEX, function(f"serviceConfig.{field}", value))
        for field, value in (
            ("timeoutSeconds", 3601),
            ("maxInstanceRequestConcurrency", 1001),
            ("availableMemory", "8192Mi"),
            ("availableMemory", "64Mi"),
            ("availableMemory", "512"),
            ("minInstanceCount", 11),
            ("maxInstanceCount", 0),
        )
    ],
    Mutant(
        "instances_work_on_many_with_a_processor_of_their_own", VERTEX, function("serviceConfig.availableCpu", "0.5")
    ),
    Mutant("instances_work_on_many_with_a_processor_of_their_own", VERTEX, function(f"{VARIABLES}.THREADS", GONE)),
    *[
        Mutant("variables_are_not_reserved", VERTEX, function(f"{VARIABLES}.{name}", value))
        for name, value in (
            ("PORT", "80"),
            ("K_SERVICE", "x"),
            ("X_GOOGLE_X", "x"),
            ("FUNCTION_TARGET", "x"),
            ("LARGE", "x" * 32_768),
        )
    ],
    Mutant("functions_run_as_an_account_of_their_own", VERTEX, function("serviceConfig.serviceAccountEmail", GONE)),
    Mutant("functions_run_as_an_account_of_their_own", VERTEX, mutants.twice(FUNCTION)),
    Mutant("functions_wait_for_what_they_may", VERTEX, mutants.independent(FUNCTION)),
    Mutant("functions_find_what_their_variables_name", VERTEX, function(f"{OURS}_STORE", "gs://theirs")),
    Mutant("functions_find_what_their_variables_name", VERTEX, mutants.put(READER, "role", "x", "-writer")),
    Mutant("functions_find_what_their_variables_name", VERTEX, mutants.without(SECRET_READER)),
    Mutant("functions_find_what_their_variables_name", VERTEX, mutants.without(VERSION)),
    Mutant(
        "functions_find_what_their_variables_name",
        VERTEX,
        function(f"{OURS}_MASTER_SOURCE", lambda old: old.replace("latest", "1")),
    ),
    Mutant(
        "functions_find_what_their_variables_name",
        HTTPS,
        function(f"{OURS}_MODEL_HEADERS_SOURCE", lambda old: old.replace("versions/1", "versions/2")),
    ),
    Mutant("functions_may_ask_their_model", VERTEX, mutants.without(MODEL_CALLER)),
    Mutant("functions_may_ask_their_model", VERTEX, mutants.put(MODEL_CALLER, "endpoint", "987")),
    Mutant("functions_may_ask_their_model", PUBLISHED, mutants.without(IN_PROJECT)),
    Mutant("functions_may_ask_their_model", VERTEX, function(f"{OURS}_MODEL", '{"https": {"url": "https://m"}}')),
    Mutant("answers_come_before_cloud_run_gives_up", VERTEX, function(f"{OURS}_TIMEOUT", "60")),
    Mutant(
        "functions_behind_an_origin_are_reached",
        VERTEX,
        function("serviceConfig.ingressSettings", "ALLOW_INTERNAL_ONLY"),
    ),
    Mutant("functions_behind_an_origin_are_reached", VERTEX, mutants.without(INVOKER)),
    Mutant("functions_that_all_can_reach_know_the_edge", VERTEX, function(f"{OURS}_ORIGIN_PROOF", GONE)),
    Mutant(
        "functions_that_all_can_reach_know_the_edge",
        VERTEX,
        origin("originOverrideAction.headerAction", GONE, "-gateway"),
    ),
    # IAM
    Mutant("nobody_is_let_in_without_a_name", VERTEX, mutants.put(READER, "member", "allUsers")),
    Mutant("nobody_is_let_in_without_a_name", VERTEX, mutants.put(INVOKER, "member", "allAuthenticatedUsers")),
    Mutant("nobody_is_let_in_without_a_name", VERTEX, mutants.put(INVOKER, "role", "roles/run.developer")),
    Mutant("nobody_is_let_in_without_a_name", VERTEX, mutants.put(INVOKER, "name", "another")),
    Mutant("nobody_is_let_in_without_a_name", VERTEX, mutants.without(ORIGIN, "-gateway")),
    *[
        Mutant("roles_are_narrow", VERTEX, mutants.put(READER, "role", role))
        for role in ("roles/owner", "roles/editor", "roles/viewer", "roles/storage.admin", WHOLE_ACCOUNT)
    ],
    Mutant("roles_are_given_where_they_are_needed", PUBLISHED, mutants.put(IN_PROJECT, "role", WHOLE_ACCOUNT)),
    Mutant(
        "roles_are_given_where_they_are_needed",
        PUBLISHED,
        mutants.put(ROLE, "permissions", more("storage.objects.get")),
    ),
    Mutant(
        "grants_are_of_known_kinds", VERTEX, mutants.of_type(READER, "gcp:storage/bucketIAMBinding:BucketIAMBinding")
    ),
    Mutant("grants_are_of_known_kinds", VERTEX, mutants.of_type(READER, "gcp:folder/iAMMember:IAMMember")),
    Mutant("members_are_those_of_the_graph", VERTEX, mutants.put(SECRET_READER, "member", NOBODY)),
    Mutant("members_are_those_of_the_graph", VERTEX, mutants.put(READER, "member", "user:me@example.com")),
    Mutant("grants_are_on_what_is_there", VERTEX, mutants.put(SECRET_READER, "secretId", "projects/p/secrets/theirs")),
    Mutant("grants_are_on_what_is_there", VERTEX, mutants.put(READER, "bucket", "theirs")),
    Mutant("grants_are_on_what_is_there", VERTEX, mutants.put(INVOKER, "name", "theirs")),
    Mutant("grants_are_there_once", VERTEX, mutants.twice(READER)),
    Mutant("custom_roles_name_their_permissions", VERTEX, mutants.put(ROLE, "permissions", ["aiplatform.*"])),
    Mutant("custom_roles_name_their_permissions", VERTEX, mutants.put(ROLE, "permissions", [])),
    Mutant(
        "custom_roles_name_their_permissions",
        VERTEX,
        mutants.put(ROLE, "permissions", more("iam.serviceAccounts.getAccessToken")),
    ),
    Mutant("names_in_iam_are_allowed", VERTEX, mutants.output(ROLE, "roleId", "a-role")),
    Mutant("names_in_iam_are_allowed", VERTEX, mutants.put(ROLE, "title", "t" * 101)),
    Mutant(
        "names_in_iam_are_allowed", VERTEX, mutants.output(ACCOUNT, "email", "gw@my-project.iam.gserviceaccount.com")
    ),
    Mutant("names_in_iam_are_allowed", VERTEX, mutants.put(ACCOUNT, "description", "d" * 257)),
    Mutant(
        "custom_roles_are_given_an_id",
        VERTEX,
        all_of(mutants.put(ROLE, "roleId", "x"), mutants.put(ROLE, "roleId", GONE)),
    ),
    Mutant("every_role_and_account_is_used", VERTEX, mutants.without(MODEL_CALLER)),
    Mutant("every_role_and_account_is_used", VERTEX, mutants.without(FUNCTION)),
    Mutant("accounts_have_no_keys", VERTEX, mutants.of_type(SECRET_READER, "gcp:serviceaccount/key:Key")),
    Mutant("conditions_can_be_met", VERTEX, mutants.put(READER, "condition.title", "", "-writer")),
    Mutant("conditions_can_be_met", VERTEX, bucket("uniformBucketLevelAccess", False, "-results")),
    Mutant(
        "conditions_can_be_met",
        VERTEX,
        mutants.put(
            READER, "condition.expression", 'resource.name != "projects/_/buckets/theirs/objects/x"', "-writer"
        ),
    ),
    Mutant(
        "programs_do_not_write_where_clients_look_for_them", VERTEX, mutants.put(READER, "condition", GONE, "-writer")
    ),
    Mutant(
        "programs_do_not_write_where_clients_look_for_them",
        VERTEX,
        of_recording(lambda found: mutants.put(READER, "bucket", id_of(found, STORAGE, "-source"), "-writer")),
    ),
    # Secrets
    Mutant("secrets_are_replicated_in_one_way", VERTEX, mutants.put(SECRET, "replication", {})),
    Mutant("secrets_are_replicated_in_one_way", VERTEX, mutants.output(SECRET, "secretId", "a secret")),
    Mutant("every_secret_has_a_version", VERTEX, mutants.without(VERSION)),
    Mutant("every_secret_has_a_version", VERTEX, mutants.put(VERSION, "secret", "projects/p/secrets/theirs")),
    Mutant("versions_hold_something", VERTEX, mutants.put(VERSION, "secretData", lambda _: "")),
    Mutant("versions_hold_something", VERTEX, mutants.put(VERSION, "secretData", lambda _: "x" * 65_537)),
    Mutant("what_is_in_a_version_is_secret", VERTEX, mutants.edited(VERSION, lambda one: _opened(one))),
    Mutant("headers_of_origins_are_secret", VERTEX, mutants.edited(ORIGIN, lambda one: _opened(one), "-gateway")),
    Mutant("secrets_are_not_in_plain_text", VERTEX, function(f"{VARIABLES}.MASTER", MASTER)),
    Mutant("secrets_are_not_in_plain_text", VERTEX, function("description", f"its secret is {MASTER}")),
    Mutant("secrets_are_not_in_plain_text", VERTEX, exported("master", MASTER)),
    Mutant(
        "secrets_are_not_in_plain_text",
        VERTEX,
        exported("master", base64.b64encode(MASTER.encode()).decode()),
    ),
    Mutant("secrets_are_not_in_plain_text", VERTEX, mutants.output(SECRET, "note", MASTER)),
    # Monitoring
    *[
        Mutant("metrics_of_a_log_are_complete", NAMED, mutants.put(METRIC, path, value, "requests-metric"))
        for path, value in (
            ("filter", ""),
            ("labelExtractors.tier", GONE),
            ("labelExtractors.tier", "jsonPayload.tier"),
            ("metricDescriptor.metricKind", "GAUGE"),
            ("metricDescriptor.valueType", "DOUBLE"),
            ("valueExtractor", "EXTRACT(jsonPayload.latency_ms)"),
            ("bucketOptions", {}),
        )
    ],
    Mutant("metrics_of_a_log_are_complete", NAMED, mutants.output(METRIC, "name", "a metric")),
    Mutant(
        "metrics_of_a_log_are_complete",
        NAMED,
        mutants.put(METRIC, "metricDescriptor.labels", lambda old: old * 3, "requests-metric"),
    ),
    Mutant(
        "buckets_of_a_distribution_grow",
        NAMED,
        mutants.put(METRIC, "bucketOptions.exponentialBuckets.growthFactor", 1, "latency-metric"),
    ),
    Mutant(
        "buckets_of_a_distribution_grow",
        NAMED,
        mutants.put(METRIC, "bucketOptions.exponentialBuckets.numFiniteBuckets", 201, "latency-metric"),
    ),
    Mutant(
        "only_the_logs_of_the_graph_are_counted",
        NAMED,
        mutants.put(METRIC, "filter", "jsonPayload.tier:*", "requests-metric"),
    ),
    *[
        Mutant("dashboards_are_laid_out", NAMED, dashboard(change))
        for change in (
            lambda found: found.pop("displayName"),
            lambda found: found.update(gridLayout={}),
            lambda found: found["mosaicLayout"].update(columns=49),
            lambda found: found["mosaicLayout"].update(columns=47),
            lambda found: found["mosaicLayout"]["tiles"][1].update(xPos=0),
            lambda found: found["mosaicLayout"]["tiles"][0]["widget"].update(text={}),
            lambda found: found["mosaicLayout"]["tiles"][0]["widget"].pop("title"),
            lambda found: found["mosaicLayout"].update(tiles=[]),
        )
    ],
    Mutant("charts_show_what_is_there", NAMED, mutants.without(METRIC, "requests-metric")),
    Mutant("charts_show_what_is_there", NAMED, mutants.output(SERVICE, "name", "another")),
    Mutant("charts_show_what_is_there", NAMED, dashboard_text('metric.label.\\"tier\\"', 'metric.label.\\"kind\\"')),
    Mutant("charts_add_up_what_can_be_added", NAMED, dashboard_text("REDUCE_PERCENTILE_50", "REDUCE_SUM")),
    Mutant("charts_add_up_what_can_be_added", NAMED, dashboard_text("REDUCE_SUM", "REDUCE_PERCENTILE_99")),
    Mutant("charts_add_up_what_can_be_added", NAMED, dashboard_text('"60s"', '"30s"')),
    # APIs
    Mutant("resources_are_of_known_kinds", BUCKET, mutants.of_type(STORAGE, "gcp:compute/backendBucket:BackendBucket")),
    Mutant("apis_are_enabled_before_they_are_called", APIS, mutants.without(API, "storage")),
    Mutant("apis_are_enabled_before_they_are_called", APIS, mutants.independent(SERVICE)),
    Mutant("apis_are_enabled_before_they_are_called", NAMED, mutants.without(API, "cloudbuild")),
    Mutant("apis_stay_enabled", APIS, mutants.put(API, "disableOnDestroy", True)),
    Mutant("apis_stay_enabled", APIS, mutants.twice(API)),
    Mutant("apis_stay_enabled", APIS, mutants.put(API, "service", "storage")),
    Mutant("labels_are_allowed", BUCKET, bucket("labels", {"Team": "search"})),
    Mutant("labels_are_allowed", BUCKET, bucket("labels", {"team": "Search team"})),
    Mutant("labels_are_allowed", BUCKET, bucket("labels", {f"k{number}": "" for number in range(65)})),
]


def _opened(one: Any) -> Any:
    return mutants.replace(one, inputs=reveal(one.inputs))


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_is_found_in_what_is_valid(program):
    assert findings(recorded(program)) == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_nothing_is_found_in_an_example(example):
    folder = Path(__file__).parents[2] / "examples" / example
    assert findings(record(folder, config=EXAMPLES[example])) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_what_breaks_a_rule_is_found_by_it(mutant):
    found = findings(mutant.change(recorded(mutant.program)))
    assert mutant.rule in {finding.partition(":")[0] for finding in found}


def test_every_rule_has_a_mutant_and_a_source():
    assert {mutant.rule for mutant in MUTANTS} == {rule.__name__ for rule in RULES}
    assert all(rule.__doc__ for rule in RULES)
    assert findings(recorded(BUCKET)) == []  # no mutant has changed what it was made from
    assert findings(recorded(VERTEX)) == []
