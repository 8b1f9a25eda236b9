"""The rules find nothing in what is valid, and each finds what breaks it."""

import json
from collections.abc import Callable
from functools import cache as once
from typing import Any

import pytest
from aws_programs import CERTIFICATE, MASTER, PROGRAMS
from aws_rules import RULES, findings
from mutants import GONE, Change, Mutant, independent, output, put, twice, without

from inference_edge_cache.gateway import assembly
from inference_edge_cache.testing import Recording

OAI, OAC = "bucket through OAI", "bucket through OAC"
FAILOVER, ROUTES, NAMES = "failover", "routes", "names, pages, countries, logs"
GATEWAY, SIGNED, PAGES = "a gateway with a secret", "a gateway that IAM guards", "a gateway that web pages ask"
PROFILE = "an inference profile"

DISTRIBUTION = "cloudfront/distribution:Distribution"
CACHE_POLICY = "cloudfront/cachePolicy:CachePolicy"
REQUEST_POLICY = "cloudfront/originRequestPolicy:OriginRequestPolicy"
RESPONSE_POLICY = "cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
CONTROL = "cloudfront/originAccessControl:OriginAccessControl"
BUCKET_POLICY = "s3/bucketPolicy:BucketPolicy"
LIFECYCLE = "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
FUNCTION, PERMISSION = "lambda/function:Function", "lambda/permission:Permission"
INVOKE = "invoke-permission"
ROLE, ROLE_POLICY = "iam/role:Role", "iam/rolePolicy:RolePolicy"
DEFAULT = "defaultCacheBehavior"
KEY = "parametersInCacheKeyAndForwardedToOrigin"
EVERY_METHOD = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"


@once
def recorded(program: str) -> Recording:
    """What a program registered. Recorded once: nobody changes it, mutants are copies."""
    return PROGRAMS[program]()


def document(type_: str, change: Callable[[list[Any]], Any], name: str = "policy") -> Change:
    """A policy document whose statements were changed in place."""

    def rewrite(text: str) -> str:
        found = json.loads(text)
        change(found["Statement"])
        return json.dumps(found)

    return put(type_, name, rewrite)


def added(field: str, value: Any) -> Callable[[list[Any]], None]:
    """The change of a document whose first statement says something else."""
    return lambda statements: statements[0].update({field: value})


MUTANTS = [
    Mutant("behaviors_point_at_what_is_there", OAI, put(DISTRIBUTION, f"{DEFAULT}.targetOriginId", "nobody")),
    Mutant("origin_ids_are_unique", FAILOVER, put(DISTRIBUTION, "origins.1.originId", "endpoint")),
    Mutant("groups_have_two_members", FAILOVER, put(DISTRIBUTION, "originGroups.0.members", lambda old: old[:1])),
    Mutant("groups_have_two_members", FAILOVER, put(DISTRIBUTION, "originGroups.0.members.1.originId", "nobody")),
    Mutant("groups_have_two_members", FAILOVER, put(DISTRIBUTION, "originGroups.0.members.1.originId", "endpoint")),
    Mutant(
        "groups_fail_over_on_statuses_that_can",
        FAILOVER,
        put(DISTRIBUTION, "originGroups.0.failoverCriteria.statusCodes", [401]),
    ),
    Mutant(
        "groups_fail_over_on_statuses_that_can",
        FAILOVER,
        put(DISTRIBUTION, "originGroups.0.failoverCriteria.statusCodes", []),
    ),
    Mutant(
        "only_reads_go_to_a_group", FAILOVER, put(DISTRIBUTION, "orderedCacheBehaviors.0.allowedMethods", EVERY_METHOD)
    ),
    Mutant("methods_come_in_three_sets", OAI, put(DISTRIBUTION, f"{DEFAULT}.allowedMethods", ["GET", "HEAD", "POST"])),
    Mutant("only_reads_are_cached", OAI, put(DISTRIBUTION, f"{DEFAULT}.cachedMethods", ["GET", "HEAD", "POST"])),
    Mutant(
        "only_reads_are_cached",
        OAI,
        put(DISTRIBUTION, "orderedCacheBehaviors.0.cachedMethods", ["GET", "HEAD", "OPTIONS"]),
    ),
    Mutant(
        "a_cache_policy_and_nothing_beside_it",
        OAI,
        put(DISTRIBUTION, f"{DEFAULT}.forwardedValues", {"queryString": True, "cookies": {"forward": "none"}}),
    ),
    Mutant("a_cache_policy_and_nothing_beside_it", OAI, put(DISTRIBUTION, f"{DEFAULT}.minTtl", 0)),
    Mutant("a_cache_policy_and_nothing_beside_it", OAI, put(DISTRIBUTION, f"{DEFAULT}.cachePolicyId", GONE)),
    Mutant("cache_policies_are_known", OAI, put(DISTRIBUTION, f"{DEFAULT}.cachePolicyId", UNKNOWN_ID)),
    Mutant("request_policies_are_known", OAI, put(DISTRIBUTION, f"{DEFAULT}.originRequestPolicyId", UNKNOWN_ID)),
    Mutant("response_policies_are_known", OAI, put(DISTRIBUTION, f"{DEFAULT}.responseHeadersPolicyId", UNKNOWN_ID)),
    Mutant(
        "a_request_policy_stands_beside_a_cache_policy",
        GATEWAY,
        put(DISTRIBUTION, f"{DEFAULT}.cachePolicyId", GONE),
    ),
    Mutant(
        "path_patterns_are_written_as_cloudfront_reads_them",
        OAI,
        put(DISTRIBUTION, "orderedCacheBehaviors.0.pathPattern", "/a b/*"),
    ),
    Mutant(
        "path_patterns_are_written_as_cloudfront_reads_them",
        OAI,
        put(DISTRIBUTION, "orderedCacheBehaviors.0.pathPattern", "/" + "a" * 255),
    ),
    Mutant(
        "path_patterns_are_written_as_cloudfront_reads_them",
        OAI,
        put(DISTRIBUTION, "orderedCacheBehaviors", lambda old: old * 2),
    ),
    Mutant("quotas_of_a_distribution_hold", OAI, put(DISTRIBUTION, "orderedCacheBehaviors", lambda old: old * 75)),
    Mutant(
        "an_origin_is_of_one_kind",
        OAI,
        put(DISTRIBUTION, "origins.1.originAccessControlId", "E2QWRUHAPOMQZL"),
    ),
    Mutant(
        "an_origin_is_of_one_kind", OAI, put(DISTRIBUTION, "origins.0.s3OriginConfig", {"originAccessIdentity": ""})
    ),
    Mutant("an_origin_is_of_one_kind", OAI, put(DISTRIBUTION, "origins.1.s3OriginConfig", GONE)),
    Mutant(
        "a_bucket_is_named_as_its_region_names_it",
        OAI,
        put(DISTRIBUTION, "origins.1.domainName", "cache.s3-website-us-east-1.amazonaws.com"),
    ),
    Mutant(
        "identities_are_those_of_the_graph",
        OAI,
        put(DISTRIBUTION, "origins.1.s3OriginConfig.originAccessIdentity", "origin-access-identity/cloudfront/E0"),
    ),
    Mutant("access_controls_fit_their_origins", OAC, put(CONTROL, "originAccessControlOriginType", "lambda")),
    Mutant("access_controls_fit_their_origins", SIGNED, put(CONTROL, "originAccessControlOriginType", "s3", "signing")),
    Mutant("access_controls_fit_their_origins", OAC, without(CONTROL)),
    Mutant("access_controls_sign", OAC, put(CONTROL, "signingBehavior", "no-override")),
    Mutant("timeouts_are_in_range", OAI, put(DISTRIBUTION, "origins.0.connectionTimeout", 11)),
    Mutant("timeouts_are_in_range", OAI, put(DISTRIBUTION, "origins.0.connectionAttempts", 4)),
    Mutant("timeouts_are_in_range", OAI, put(DISTRIBUTION, "origins.0.customOriginConfig.originReadTimeout", 121)),
    Mutant("timeouts_are_in_range", OAI, put(DISTRIBUTION, "origins.0.customOriginConfig.originKeepaliveTimeout", 0)),
    Mutant("timeouts_are_in_range", OAI, put(DISTRIBUTION, "origins.0.responseCompletionTimeout", 29)),
    Mutant(
        "origins_speak_tls_1_2",
        OAI,
        put(DISTRIBUTION, "origins.0.customOriginConfig.originSslProtocols", ["TLSv1.1", "TLSv1.2"]),
    ),
    Mutant("ports_are_ports_of_the_web", OAI, put(DISTRIBUTION, "origins.0.customOriginConfig.httpsPort", 1023)),
    Mutant("origin_headers_are_allowed", ROUTES, put(DISTRIBUTION, "origins.0.customHeaders.0.name", "X-Amz-Target")),
    Mutant("origin_headers_are_allowed", ROUTES, put(DISTRIBUTION, "origins.0.customHeaders.0.value", "x" * 1784)),
    Mutant("origin_headers_are_allowed", ROUTES, put(DISTRIBUTION, "origins.0.customHeaders", lambda old: old * 31)),
    Mutant(
        "shields_are_where_cloudfront_has_them",
        NAMES,
        put(DISTRIBUTION, "origins.0.originShield.originShieldRegion", "eu-north-1"),
    ),
    Mutant(
        "hosts_of_aws_are_asked_by_their_own_name",
        GATEWAY,
        put(DISTRIBUTION, f"{DEFAULT}.originRequestPolicyId", ALL_VIEWER),
    ),
    Mutant("certificates_go_with_names", OAI, put(DISTRIBUTION, "aliases", ["cache.example.com"])),
    Mutant(
        "certificates_go_with_names", OAI, put(DISTRIBUTION, "viewerCertificate.minimumProtocolVersion", "TLSv1.2_2021")
    ),
    Mutant(
        "certificates_go_with_names",
        NAMES,
        put(DISTRIBUTION, "viewerCertificate.acmCertificateArn", CERTIFICATE.replace("us-east-1", "eu-west-1")),
    ),
    Mutant("certificates_go_with_names", NAMES, put(DISTRIBUTION, "viewerCertificate.minimumProtocolVersion", "TLSv1")),
    Mutant("certificates_go_with_names", NAMES, put(DISTRIBUTION, "viewerCertificate.sslSupportMethod", "vip")),
    Mutant("errors_are_those_one_can_keep", OAI, put(DISTRIBUTION, "customErrorResponses.0.errorCode", 424)),
    Mutant("errors_are_those_one_can_keep", OAI, put(DISTRIBUTION, "customErrorResponses", lambda old: old * 2)),
    Mutant("errors_are_those_one_can_keep", OAI, put(DISTRIBUTION, "customErrorResponses.0.responseCode", 200)),
    Mutant(
        "countries_are_named_or_there_is_no_rule",
        OAI,
        put(DISTRIBUTION, "restrictions.geoRestriction.restrictionType", "whitelist"),
    ),
    Mutant(
        "countries_are_named_or_there_is_no_rule",
        NAMES,
        put(DISTRIBUTION, "restrictions.geoRestriction.locations", ["Antarctica"]),
    ),
    Mutant(
        "firewalls_are_of_cloudfront",
        NAMES,
        put(DISTRIBUTION, "webAclId", lambda old: old.replace("global", "regional")),
    ),
    Mutant("viewers_use_https", OAI, put(DISTRIBUTION, f"{DEFAULT}.viewerProtocolPolicy", "allow-all")),
    Mutant("functions_run_where_they_may", PAGES, without("cloudfront/function:Function")),
    Mutant(
        "functions_run_where_they_may",
        PAGES,
        put(DISTRIBUTION, f"{DEFAULT}.functionAssociations", lambda old: old * 2),
    ),
    Mutant("functions_are_small", PAGES, put("cloudfront/function:Function", "code", "/" * 10_241)),
    Mutant("functions_are_small", PAGES, put("cloudfront/function:Function", "runtime", "nodejs22.x")),
    Mutant(
        "metrics_are_of_a_distribution_of_the_graph",
        OAI,
        put("cloudfront/monitoringSubscription:MonitoringSubscription", "distributionId", "E0"),
    ),
    Mutant("logs_are_delivered_in_us_east_1", NAMES, put("cloudwatch/logDelivery:LogDelivery", "region", "eu-west-1")),
    Mutant(
        "logs_are_those_of_a_distribution_of_the_graph",
        NAMES,
        put("cloudwatch/logDeliverySource:LogDeliverySource", "logType", "CONNECTION_LOGS"),
    ),
    Mutant(
        "logs_are_those_of_a_distribution_of_the_graph",
        NAMES,
        put("cloudwatch/logDelivery:LogDelivery", "deliverySourceName", "another"),
    ),
    Mutant("ttls_are_in_order", OAI, put(CACHE_POLICY, "maxTtl", 60)),
    Mutant("ttls_are_in_order", OAI, put(CACHE_POLICY, "minTtl", 3601)),
    Mutant("a_policy_that_caches_nothing_has_no_key", OAI, put(CACHE_POLICY, "maxTtl", 0)),
    Mutant(
        "lists_are_there_when_they_are_used", OAI, put(CACHE_POLICY, f"{KEY}.headersConfig.headerBehavior", "whitelist")
    ),
    Mutant(
        "lists_are_there_when_they_are_used",
        OAI,
        put(CACHE_POLICY, f"{KEY}.headersConfig.headers", {"items": ["x-lang"]}),
    ),
    Mutant(
        "lists_are_short",
        ROUTES,
        put(REQUEST_POLICY, "headersConfig.headers.items", [f"x-{number}" for number in range(11)]),
    ),
    Mutant("lists_hold_no_stars", ROUTES, put(REQUEST_POLICY, "headersConfig.headers.items.0", "x-*")),
    Mutant(
        "compression_is_not_keyed_on_twice",
        ROUTES,
        put(REQUEST_POLICY, "headersConfig.headers.items.0", "Accept-Encoding"),
    ),
    Mutant(
        "authorization_is_forwarded_by_a_key_only",
        ROUTES,
        put(REQUEST_POLICY, "headersConfig.headers.items.0", "Authorization"),
    ),
    Mutant("names_of_policies_are_allowed", OAI, output(CACHE_POLICY, "name", "a policy")),
    Mutant("names_of_policies_are_allowed", OAI, twice(CACHE_POLICY)),
    Mutant("names_of_policies_are_allowed", OAI, put(CACHE_POLICY, "comment", "x" * 129)),
    Mutant("policies_stay_within_an_account", OAI, twice(CACHE_POLICY, 20)),
    Mutant("every_policy_is_used", OAI, twice(CACHE_POLICY, id=UNKNOWN_ID)),
    Mutant(
        "credentials_are_for_named_origins",
        NAMES,
        put(
            RESPONSE_POLICY,
            "corsConfig",
            lambda old: {**old, "accessControlAllowCredentials": True, "any": {"items": ["*"]}},
        ),
    ),
    Mutant(
        "response_headers_are_few_and_short",
        OAI,
        put(RESPONSE_POLICY, "removeHeadersConfig.items", lambda old: old * 11),
    ),
    Mutant("a_cached_answer_sets_no_cookie", OAI, put(RESPONSE_POLICY, "removeHeadersConfig", GONE)),
    Mutant(
        "every_bucket_has_its_settings_once",
        OAI,
        without("s3/bucketPublicAccessBlock:BucketPublicAccessBlock"),
    ),
    Mutant("every_bucket_has_its_settings_once", OAI, twice(BUCKET_POLICY)),
    Mutant("settings_are_in_the_region_of_their_bucket", OAI, put(BUCKET_POLICY, "region", "eu-west-1")),
    Mutant(
        "no_public_access",
        OAI,
        put("s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "restrictPublicBuckets", False),
    ),
    Mutant(
        "no_acls",
        OAI,
        put("s3/bucketOwnershipControls:BucketOwnershipControls", "rule.objectOwnership", "ObjectWriter"),
    ),
    Mutant(
        "an_identity_reads_no_kms",
        OAI,
        put(
            "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "rules.0.applyServerSideEncryptionByDefault.sseAlgorithm",
            "aws:kms",
        ),
    ),
    Mutant("nobody_is_let_in_without_a_name", OAI, document(BUCKET_POLICY, added("Principal", "*"))),
    Mutant("readers_are_those_of_the_graph", OAI, document(BUCKET_POLICY, added("Principal", {"AWS": "123456789012"}))),
    Mutant("readers_are_those_of_the_graph", OAC, document(BUCKET_POLICY, lambda found: found[0].pop("Condition"))),
    Mutant(
        "a_policy_speaks_of_its_own_bucket", OAI, document(BUCKET_POLICY, added("Resource", "arn:aws:s3:::other/*"))
    ),
    Mutant("plain_http_is_refused", OAI, document(BUCKET_POLICY, lambda found: found.pop(1))),
    Mutant("a_policy_waits_for_the_public_access_block", OAI, independent(BUCKET_POLICY)),
    Mutant("what_is_served_may_be_read", OAI, document(BUCKET_POLICY, added("Action", "s3:ListBucket"))),
    Mutant("what_is_served_may_be_read", OAC, put(DISTRIBUTION, "orderedCacheBehaviors.0.pathPattern", "/elsewhere/*")),
    Mutant("rules_of_a_lifecycle_are_complete", OAI, put(LIFECYCLE, "rules.1.id", "abandoned-uploads")),
    Mutant("rules_of_a_lifecycle_are_complete", OAI, put(LIFECYCLE, "rules.0.filter", GONE)),
    Mutant(
        "rules_of_a_lifecycle_are_complete",
        OAI,
        put(LIFECYCLE, "rules.1.noncurrentVersionExpiration.noncurrentDays", 0),
    ),
    Mutant("a_lifecycle_waits_for_the_versioning_it_speaks_of", OAI, independent(LIFECYCLE)),
    Mutant("documents_are_policies", GATEWAY, document(ROLE_POLICY, added("Effect", "allow"))),
    Mutant("documents_are_policies", GATEWAY, document(ROLE_POLICY, added("Conditions", {}))),
    Mutant("sids_are_letters_and_digits", GATEWAY, document(ROLE_POLICY, added("Sid", "the model"))),
    Mutant("sids_are_letters_and_digits", GATEWAY, document(ROLE_POLICY, added("Sid", "Secrets"))),
    Mutant(
        "roles_are_assumed_by_lambda_alone",
        GATEWAY,
        document(ROLE, added("Principal", {"Service": "ec2.amazonaws.com"}), "assumeRolePolicy"),
    ),
    Mutant("roles_name_their_actions", GATEWAY, document(ROLE_POLICY, added("Action", "sagemaker:*"))),
    Mutant("roles_name_their_resources", GATEWAY, document(ROLE_POLICY, added("Resource", "*"))),
    Mutant(
        "roles_name_their_resources",
        GATEWAY,
        document(ROLE_POLICY, added("Resource", "arn:aws:sagemaker:*:123456789012:endpoint/m")),
    ),
    Mutant(
        "roles_name_their_resources",
        GATEWAY,
        document(ROLE_POLICY, added("Resource", "arn:aws:sagemaker:us-east-1:123456789012:endpoint/*")),
    ),
    Mutant("roles_name_their_resources", PROFILE, document(ROLE_POLICY, lambda all_: all_[1].pop("Condition"))),
    Mutant(
        "roles_name_their_resources",
        PROFILE,
        document(
            ROLE_POLICY,
            lambda all_: all_[1]["Condition"]["ArnEquals"].update(
                {"bedrock:InferenceProfileArn": "arn:aws:bedrock:us-east-1:123456789012:inference-profile/*"}
            ),
        ),
    ),
    Mutant(
        "roles_name_their_resources",
        PROFILE,
        document(ROLE_POLICY, lambda all_: all_[1]["Action"].append("bedrock:InvokeModelWithResponseStream")),
    ),
    Mutant(
        "roles_name_their_resources",
        PROFILE,
        document(ROLE_POLICY, lambda all_: all_[1].update(Resource="arn:aws:bedrock:*:123456789012:*/*")),
    ),
    Mutant("names_in_iam_are_allowed", GATEWAY, output(ROLE, "name", "r" * 65)),
    Mutant("policies_of_a_role_are_of_one_that_is_there", GATEWAY, put(ROLE_POLICY, "role", "nobody")),
    Mutant("secrets_are_not_in_plain_text", GATEWAY, put(FUNCTION, f"environment.variables.{assembly.MASTER}", MASTER)),
    Mutant("functions_are_within_limits", GATEWAY, put(FUNCTION, "timeout", 901)),
    Mutant("functions_are_within_limits", GATEWAY, put(FUNCTION, "memorySize", 64)),
    Mutant("functions_are_within_limits", GATEWAY, put(FUNCTION, "environment.variables.BUCKET", "x" * 4096)),
    Mutant("variables_are_not_reserved", GATEWAY, put(FUNCTION, "environment.variables.AWS_REGION", "us-east-1")),
    Mutant("roles_of_functions_are_there", GATEWAY, without(ROLE_POLICY)),
    Mutant("functions_log_where_logs_expire", GATEWAY, put("cloudwatch/logGroup:LogGroup", "retentionInDays", GONE)),
    Mutant("functions_log_where_logs_expire", GATEWAY, without("cloudwatch/logGroup:LogGroup")),
    Mutant("retentions_are_those_of_a_list", GATEWAY, put("cloudwatch/logGroup:LogGroup", "retentionInDays", 10)),
    Mutant("a_url_is_called_with_two_permissions", GATEWAY, without(PERMISSION)),
    Mutant("a_url_is_called_with_two_permissions", SIGNED, put(PERMISSION, "sourceArn", GONE, INVOKE)),
    Mutant(
        "a_url_is_called_with_two_permissions",
        GATEWAY,
        put("lambda/functionUrl:FunctionUrl", "authorizationType", "AWS_IAM"),
    ),
    Mutant(
        "permissions_say_what_their_action_takes",
        GATEWAY,
        put(PERMISSION, "action", "lambda:GetFunction", INVOKE),
    ),
    Mutant("nobody_calls_but_through_the_url", GATEWAY, put(PERMISSION, "invokedViaFunctionUrl", GONE, INVOKE)),
    Mutant(
        "urls_are_asked_over_https",
        GATEWAY,
        put(DISTRIBUTION, "origins.1.customOriginConfig.originProtocolPolicy", "match-viewer"),
    ),
    Mutant(
        "urls_behind_an_origin_are_of_the_graph",
        SIGNED,
        put("lambda/functionUrl:FunctionUrl", "authorizationType", "NONE"),
    ),
    Mutant("urls_behind_an_origin_are_of_the_graph", GATEWAY, without("lambda/functionUrl:FunctionUrl")),
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_is_found_in_what_is_valid(program):
    assert findings(recorded(program)) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_what_breaks_a_rule_is_found_by_it(mutant):
    found = findings(mutant.change(recorded(mutant.program)))
    assert mutant.rule in {finding.partition(":")[0] for finding in found}


def test_every_rule_has_a_mutant_and_a_source():
    assert {mutant.rule for mutant in MUTANTS} == {rule.__name__ for rule in RULES}
    assert all(rule.__doc__ for rule in RULES)
    assert findings(recorded(OAI)) == []  # no mutant has changed what it was made from
