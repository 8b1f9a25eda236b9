"""What arguments become, and what is refused. The clouds' limits, row by row, are in ``test_capabilities.py``."""

import copy
import json

import pulumi
import pytest

from inference_edge_cache import CacheKey, CachePolicy, InvalidArgsError
from inference_edge_cache.args import BucketAccess, PriceClass, RouteTarget
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.plan import make_plan
from inference_edge_cache.plan.model import OriginPlan, QueryPlan
from inference_edge_cache.policy import CacheMode

ORIGIN = {"url": "https://model.example.com"}
KMS_KEYS = {
    "aws": "arn:aws:kms:eu-west-1:123456789012:key/a",
    "gcp": "projects/p/locations/eu/keyRings/r/cryptoKeys/k",
}
BOTH = pytest.mark.parametrize("cloud", ["aws", "gcp"])


def plan(cloud="aws", **args):
    return make_plan("cache", {"cloud": cloud, "origin": ORIGIN, **args})


def problems(cloud="aws", **args):
    with pytest.raises(InvalidArgsError) as caught:
        plan(cloud, **args)
    return {problem.path: problem for problem in caught.value.problems}


@BOTH
def test_cloud_and_origin_are_enough(cloud):
    minimal = plan(cloud)
    assert minimal.cloud is Cloud(cloud)
    assert minimal.origin == OriginPlan(
        scheme="https",
        host="model.example.com",
        port=443,
        path="",
        host_header="model.example.com",
        headers=(),
        connect_timeout={"aws": 5, "gcp": 15}[cloud],
        read_timeout=30,
        response_timeout={"aws": None, "gcp": 120}[cloud],
        attempts=1,
    )
    (route,) = minimal.routes
    assert route.path.text == "/*"
    assert route.target is RouteTarget.ENDPOINT
    assert route.methods == ("GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE")
    assert (route.policy.min_ttl, route.policy.default_ttl, route.policy.max_ttl) == (0, 3600, 86_400)
    assert (minimal.price_class, minimal.bucket_access) == (PriceClass.ALL, BucketAccess.OAI)
    assert minimal.bucket is minimal.failover is minimal.cors is minimal.geo is minimal.logging is None


@BOTH
def test_equal_arguments_give_equal_plans(cloud):
    args = {
        "policy": {"default_ttl": "1h", "key": {"query_only": ["b", "a"]}},
        "routes": [{"path": "/v1/*", "policy": CachePolicy(mode="bypass")}],
        "tags": {"b": "2", "a": "1"},
        "bucket": {},
    }
    assert plan(cloud, **args) == plan(cloud, **copy.deepcopy(args))


def test_arguments_are_not_changed():
    args = {"cloud": "aws", "origin": {"url": "https://m.example.com"}, "policy": {"default_ttl": "1h"}, "bucket": None}
    before = copy.deepcopy(args)
    make_plan("cache", args)
    assert args == before


def test_numbers_of_other_languages_arrive_as_floats():
    assert plan(origin={**ORIGIN, "connect_timeout": 3.0, "attempts": 2.0}).origin.connect_timeout == 3
    assert isinstance(plan(origin={**ORIGIN, "attempts": 2.0}).origin.attempts, int)
    assert plan(policy={"default_ttl": 60.0}).default_route.policy.default_ttl == 60


def test_timeouts_may_be_written_as_durations():
    assert plan(origin={**ORIGIN, "read_timeout": "1m"}).origin.read_timeout == 60


# Routes


@BOTH
def test_routes_are_most_specific_first_whatever_their_order(cloud):
    routes = [{"path": path} for path in ("/v1/*", "/v1/models", "/v1/embeddings/*")]
    texts = [route.path.text for route in plan(cloud, routes=routes, bucket={}).routes]
    assert texts == ["/v1/models", "/v1/embeddings/*", "/artifacts/*", "/v1/*", "/*"]
    assert plan(cloud, routes=routes[::-1], bucket={}).routes == plan(cloud, routes=routes, bucket={}).routes


def test_a_route_takes_the_policy_of_the_cache_unless_it_has_its_own():
    own = plan(
        policy=CachePolicy(default_ttl=60), routes=[{"path": "/a"}, {"path": "/b", "policy": {"default_ttl": 70}}]
    )
    assert {route.path.text: route.policy.default_ttl for route in own.routes} == {"/a": 60, "/b": 70, "/*": 60}


def test_equal_policies_are_shared_and_the_default_routes_comes_first():
    shared = plan(
        policy=CachePolicy(default_ttl="1h"),
        routes=[{"path": "/a", "policy": {"default_ttl": 3600}}, {"path": "/b", "policy": {"default_ttl": 5}}],
    )
    assert [policy.default_ttl for policy in shared.policies] == [3600, 5]
    assert len({policy.digest for policy in shared.policies}) == 2


def test_a_policy_keeps_its_digest_when_routes_are_added():
    policy = {"default_ttl": 5}
    one = plan(routes=[{"path": "/b", "policy": policy}])
    two = plan(
        routes=[{"path": "/a", "policy": policy}, {"path": "/b", "policy": policy}, {"path": "/c", "policy": policy}]
    )
    assert one.policies == two.policies


def test_the_default_route_can_be_written_out():
    written = plan(routes=[{"path": "/*", "methods": ["GET", "HEAD"]}], policy={"default_ttl": 7})
    assert written.default_route.methods == ("GET", "HEAD")
    assert written.default_route.policy.default_ttl == 7


@pytest.mark.parametrize(
    ("routes", "path", "limit"),
    [
        ([{"path": "/a"}, {"path": "/a"}], "routes[1].path", "same path as routes[0].path"),
        ([{"path": "/*"}, {"path": "/*"}], "routes[1].path", "same path as routes[0].path"),
        ([{"path": "/a?*"}, {"path": "/a*?"}], "routes[0].path", "never reached: routes[1].path (/a*?)"),
        ([{"path": "/a*"}, {"path": "/a**"}], "routes[1].path", "never reached: routes[0].path (/a*)"),
        ([{"path": "/artifacts/*"}], "bucket.path", "same path as routes[0].path"),
        ([{"path": "v1"}], "routes[0].path", "must start with a slash"),
        ([{"path": "/v1/é"}], "routes[0].path", "'é'"),
        ([{}], "routes[0].path", "is required"),
        ([{"path": "/a", "methods": []}], "routes[0].methods", "must name methods"),
        ([{"path": "/a", "methods": ["get"]}], "routes[0].methods", "in capitals"),
        ([{"path": "/a", "methods": ["GET", "GET"]}], "routes[0].methods", "once each"),
        (
            [{"path": "/a", "to": "bucket", "methods": ["GET", "HEAD", "OPTIONS"]}],
            "routes[0].methods",
            "GET and HEAD only",
        ),
        ([{"path": "/a", "too": "bucket"}], "routes[0].too", "not a known key"),
        ("/a", "routes", "must be a list"),
    ],
)
def test_routes_that_make_no_sense_are_refused(routes, path, limit):
    found = problems(routes=routes, bucket={})
    assert limit in found[path].limit, found
    assert len(found) == 1


def test_a_route_to_the_bucket_needs_a_bucket():
    assert (
        problems(routes=[{"path": "/a", "to": "bucket"}])["routes[0].to"].remedy == 'add "bucket": {} to the arguments'
    )


def test_a_policy_that_no_route_uses_is_refused():
    found = problems(policy={"default_ttl": 5}, routes=[{"path": "/*", "policy": {"default_ttl": 6}}])
    assert list(found) == ["policy"]


# Callers never share an answer by accident


@BOTH
@pytest.mark.parametrize("header", ["Authorization", "cookie", "Proxy-Authorization"])
def test_who_is_asking_is_not_forwarded_on_a_cached_route(cloud, header):
    (problem,) = problems(cloud, forward_headers=["x-request-id", header]).values()
    assert problem.path == "forward_headers[1]"
    assert "cached for every other caller" in problem.limit


@BOTH
@pytest.mark.parametrize("header", ["Authorization", "cookie"])
def test_who_is_asking_is_forwarded_where_nothing_is_cached(cloud, header):
    assert plan(cloud, forward_headers=[header], policy={"mode": "bypass"}).forward_headers == (header.lower(),)


def test_authorization_is_forwarded_on_aws_when_it_is_part_of_the_key():
    keyed = {"key": {"headers": ["Authorization"]}}
    assert plan(forward_headers=["authorization"], policy=keyed).forward_headers == ("authorization",)
    found = problems(forward_headers=["authorization"], policy=keyed, routes=[{"path": "/a", "policy": {}}])
    assert "routes[0].policy" in found["forward_headers[0]"].limit


def test_cookies_are_not_forwarded_whole_even_when_some_are_keyed():
    assert list(problems(forward_headers=["cookie"], policy={"key": {"cookies": ["a"]}})) == ["forward_headers[0]"]


@pytest.mark.parametrize("header", ["Accept-Encoding", "Connection", "X-Edge-Location", "Host"])
def test_headers_that_cloudfront_does_not_forward_by_name_are_refused(header):
    assert list(problems(forward_headers=[header])) == ["forward_headers[0]"]
    assert plan("gcp", forward_headers=[header])


# Origin


@BOTH
def test_secret_values_are_never_shown(cloud):
    with pytest.raises(InvalidArgsError) as caught:
        plan(
            cloud,
            origin={
                "url": "https://u:hunter2@model.example.com",
                "headers": {"x-api-key": "hunter2\n", "bad name": "hunter2", "x-int": 0xDEAD},
                "hedaers": {"x-api-key": "hunter2"},
            },
        )
    assert "hunter2" not in str(caught.value)
    assert "57005" not in str(caught.value)
    assert len(caught.value.problems) == 5


@pytest.mark.parametrize(
    "name", ["Host", "Cookie", "X-Amz-Date", "x-edge-a", "If-Match", "Proxy-Foo", "Content-Length"]
)
def test_headers_that_cloudfront_cannot_add_are_refused(name):
    (problem,) = problems(origin={**ORIGIN, "headers": {name: "v"}}).values()
    assert problem.kind == "unsupported"


@BOTH
def test_header_names_do_not_tell_cases_apart(cloud):
    (problem,) = problems(cloud, origin={**ORIGIN, "headers": {"X-Key": "a", "x-key": "b"}}).values()
    assert "twice" in problem.limit


def test_a_host_is_not_set_as_a_header_on_gcp():
    (problem,) = problems("gcp", origin={**ORIGIN, "headers": {"host": "a.example.com"}}).values()
    assert problem.remedy == "use origin.host_header"


def test_cloudfront_takes_no_ip_address():
    assert problems(origin={"url": "https://34.120.0.1"})["origin.url"].kind == "unsupported"
    assert plan("gcp", origin={"url": "https://34.120.0.1"}).origin.host == "34.120.0.1"


@BOTH
def test_a_response_may_not_time_out_before_a_read(cloud):
    found = problems(cloud, origin={**ORIGIN, "read_timeout": 20, "response_timeout": 10})
    assert list(found) == ["origin.response_timeout"]


# Failover


def test_on_aws_failover_is_for_routes_without_bodies():
    failover = {"origin": {**ORIGIN, "failover": {"url": "https://backup.example.com"}}}
    (problem,) = problems(**failover).values()
    assert (problem.path, problem.kind) == ("origin.failover", "unsupported")
    read_only = plan(**failover, routes=[{"path": "/v1/*", "methods": ["GET", "HEAD"]}], bucket={})
    assert {route.path.text: route.fails_over for route in read_only.routes} == {
        "/artifacts/*": False,
        "/v1/*": True,
        "/*": False,
    }


def test_on_gcp_every_endpoint_route_fails_over():
    failover = plan("gcp", origin={**ORIGIN, "failover": {"url": "https://backup.example.com"}}, bucket={})
    assert [route.fails_over for route in failover.routes] == [False, True]


@BOTH
def test_the_second_endpoint_inherits_the_timeouts_of_the_first_but_not_its_secrets(cloud):
    origin = {**ORIGIN, "read_timeout": 7, "headers": {"x-key": "s"}, "failover": {"url": "https://backup.example.com"}}
    failover = plan(cloud, origin=origin, routes=[{"path": "/a", "methods": ["GET", "HEAD"]}]).failover
    assert failover is not None
    assert (failover.origin.read_timeout, failover.origin.headers, failover.conditions) == (7, (), ("server_error",))


@BOTH
@pytest.mark.parametrize("conditions", [[], ["timeout"], ["not_found", "not_found"]])
def test_failover_conditions_are_known_words(cloud, conditions):
    failover = {"url": "https://backup.example.com", "conditions": conditions}
    found = problems(
        cloud, origin={**ORIGIN, "failover": failover}, routes=[{"path": "/a", "methods": ["GET", "HEAD"]}]
    )
    assert list(found) == ["origin.failover.conditions"]


def test_an_out_of_range_timeout_is_told_once_and_not_again_for_the_failover():
    found = problems(
        origin={**ORIGIN, "connect_timeout": 99, "failover": {"url": "https://b.example.com"}},
        routes=[{"path": "/a", "methods": ["GET", "HEAD"]}],
    )
    assert list(found) == ["origin.connect_timeout"]


# Bucket


@BOTH
def test_a_bucket_serves_artifacts_by_default(cloud):
    served = plan(cloud, bucket={})
    route = served.routes[0]
    assert (route.path.text, route.target, route.methods) == ("/artifacts/*", RouteTarget.BUCKET, ("GET", "HEAD"))
    assert route.policy.query == QueryPlan("none")
    assert served.bucket is not None
    assert [path.text for path in served.bucket.paths] == ["/artifacts/*"]
    assert served.bucket.force_destroy is False


def test_more_routes_can_lead_to_the_bucket():
    served = plan(bucket={"path": "/files/*"}, routes=[{"path": "/static/*", "to": "bucket"}])
    assert served.bucket is not None
    assert sorted(path.text for path in served.bucket.paths) == ["/files/*", "/static/*"]


@BOTH
@pytest.mark.parametrize("key", ["retention_days", "kms_key", "force_destroy"])
def test_an_existing_bucket_is_never_modified(cloud, key):
    value = {"retention_days": 3, "kms_key": KMS_KEYS[cloud], "force_destroy": True}[key]
    found = problems(
        cloud, bucket={"name": "mine", key: value}, **({"aws": {"bucket_access": "oac"}} if cloud == "aws" else {})
    )
    assert list(found) == [f"bucket.{key}"]


@pytest.mark.parametrize("bucket", [{"kms_key": KMS_KEYS["aws"]}, {"region": "il-central-1"}])
def test_an_origin_access_identity_has_limits_and_control_has_not(bucket):
    (problem,) = problems(bucket=bucket).values()
    assert 'aws.bucket_access to "oac"' in problem.remedy
    assert plan(bucket=bucket, aws={"bucket_access": "oac"}).bucket_access is BucketAccess.OAC


@BOTH
def test_retention_is_at_least_a_day(cloud):
    assert list(problems(cloud, bucket={"retention_days": 0})) == ["bucket.retention_days"]


# Domains, CORS, geo, logging, shield, tags


@pytest.mark.parametrize(
    ("domain", "path"),
    [
        ({"names": [], "certificate": "arn:aws:acm:us-east-1:123456789012:certificate/a"}, "custom_domain.names"),
        ({"names": ["a"], "certificate": "arn:aws:acm:us-east-1:123456789012:certificate/a"}, "custom_domain.names[0]"),
        (
            {
                "names": ["a.example.com", "A.example.com"],
                "certificate": "arn:aws:acm:us-east-1:123456789012:certificate/a",
            },
            "custom_domain.names[1]",
        ),
        (
            {"names": ["*.example.com"], "certificate": "arn:aws:acm:us-east-1:123456789012:certificate/a"},
            "custom_domain.names[0]",
        ),
        (
            {"names": ["a.example.com"], "certificate": "arn:aws:acm:eu-west-1:123456789012:certificate/a"},
            "custom_domain.certificate",
        ),
        ({"names": ["a.example.com"]}, "custom_domain.certificate"),
    ],
)
def test_a_custom_domain_needs_names_and_a_certificate_in_us_east_1(domain, path):
    assert list(problems(custom_domain=domain)) == [path]


def test_an_acm_certificate_is_not_one_for_gcp():
    domain = {"names": ["a.example.com"], "certificate": "arn:aws:acm:us-east-1:123456789012:certificate/a"}
    assert list(problems("gcp", custom_domain=domain)) == ["custom_domain.certificate"]


@BOTH
@pytest.mark.parametrize(
    ("cors", "path"),
    [
        ({}, "cors.allow_origins"),
        ({"allow_origins": []}, "cors.allow_origins"),
        ({"allow_origins": ["example.com"]}, "cors.allow_origins[0]"),
        ({"allow_origins": ["*"], "allow_credentials": True}, "cors.allow_credentials"),
        (
            {"allow_origins": ["https://a.example.com"], "allow_headers": ["*"], "allow_credentials": True},
            "cors.allow_credentials",
        ),
        ({"allow_origins": ["*"], "allow_methods": ["FETCH"]}, "cors.allow_methods"),
        ({"allow_origins": ["*"], "allow_headers": ["a b"]}, "cors.allow_headers[0]"),
        ({"allow_origins": ["*"], "expose_headers": ["a", "A"]}, "cors.expose_headers[1]"),
    ],
)
def test_cors_settings_that_browsers_refuse_are_refused(cloud, cors, path):
    assert list(problems(cloud, cors=cors)) == [path]


@pytest.mark.parametrize(
    ("geo", "path"),
    [
        ({}, "geo"),
        ({"allow": ["DE"], "deny": ["FR"]}, "geo"),
        ({"allow": []}, "geo.allow"),
        ({"deny": ["de"]}, "geo.deny[0]"),
    ],
)
def test_countries_are_one_list_of_two_letter_codes(geo, path):
    assert list(problems(geo=geo)) == [path]


@pytest.mark.parametrize(
    ("cloud", "logging", "path"),
    [
        ("aws", {}, "logging.destination"),
        ("aws", {"destination": "bucket"}, "logging.destination"),
        ("gcp", {"sample_rate": 0}, "logging.sample_rate"),
        ("gcp", {"sample_rate": 1.5}, "logging.sample_rate"),
    ],
)
def test_logs_need_somewhere_to_go_and_a_share_between_0_and_1(cloud, logging, path):
    assert list(problems(cloud, logging=logging)) == [path]


@pytest.mark.parametrize(("cloud", "region"), [("aws", "eu-north-1"), ("aws", "europe-west3"), ("gcp", "frankfurt")])
def test_a_shield_stands_in_a_region_of_the_cloud(cloud, region):
    assert list(problems(cloud, origin_shield=region)) == ["origin_shield"]


@BOTH
@pytest.mark.parametrize("key", ["", "aws:mine", "k" * 129])
def test_tags_have_names_that_the_clouds_take(cloud, key):
    assert list(problems(cloud, tags={key: "v"})) == [f'tags["{key}"]']


def test_tags_that_become_the_same_label_are_refused():
    assert list(problems("gcp", tags={"Team": "a", "team": "b"})) == ['tags["team"]']
    assert plan("aws", tags={"Team": "a", "team": "b"}).tags == (("Team", "a"), ("team", "b"))


# Existing policies and overrides


def test_an_existing_policy_on_one_route_hides_no_problem_of_the_policy_of_the_others():
    found = problems(
        policy=CachePolicy(min_ttl="2h", default_ttl="1h", max_ttl="30m", key=CacheKey(headers=["accept-encoding"])),
        routes=[{"path": "/v1/*"}],
        aws={"existing_policy_ids": {"/v1/*": "658327ea-f89d-4fab-a63d-7e88639e58f6"}},
    )
    assert set(found) == {"policy.min_ttl", "policy.default_ttl", "policy.key.headers"}


def test_what_an_existing_policy_keys_on_is_not_known():
    found = problems(
        forward_headers=["authorization"],
        policy={"mode": "bypass"},
        routes=[{"path": "/v1/*"}],
        aws={"existing_policy_ids": {"/v1/*": "658327ea-f89d-4fab-a63d-7e88639e58f6"}},
    )
    assert 'aws.existing_policy_ids["/v1/*"]' in found["forward_headers[0]"].limit


@pytest.mark.parametrize(
    "policy",
    [
        CachePolicy().model_copy(update={"max_ttl": "never"}),
        CachePolicy().model_copy(update={"mode": "forced"}),
        CachePolicy().model_copy(update={"negative_ttl": {404: -4}}),
        CachePolicy().model_copy(update={"max_tll": 5}),
        CachePolicy().model_copy(update={"key": {"header": ["x-a"]}}),
    ],
)
def test_a_copied_policy_is_checked_like_a_written_one(policy):
    assert len(problems(policy=policy)) == 1


def test_a_copied_policy_may_use_what_a_written_one_may():
    copied = CachePolicy().model_copy(update={"max_ttl": "2h", "key": {"headers": ["X-A"]}})
    assert plan(policy=copied) == plan(policy=CachePolicy(max_ttl=7200, key=CacheKey(headers=["x-a"])))


# What is accepted means something


@pytest.mark.parametrize(
    ("cloud", "args", "path"),
    [
        ("gcp", {"bucket": {"name": "mine", "region": "eu"}}, "bucket.region"),
        ("aws", {"aws": {"bucket_access": "oac"}}, "aws.bucket_access"),
        ("gcp", {"routes": [{"path": "/x", "methods": ["POST"], "policy": {"default_ttl": 5}}]}, "routes[0].policy"),
        ("aws", {"policy": {"key": {"headers": ["host"]}}}, "policy.key.headers"),
        ("aws", {"bucket": {"policy": {"key": {"headers": ["x-a"]}}}}, "bucket.policy.key"),
        ("gcp", {"routes": [{"path": "/a//b"}]}, "routes[0].path"),
        ("aws", {"routes": [{"path": "/a/../b"}]}, "routes[0].path"),
        ("aws", {"origin": {**ORIGIN, "headers": {"x-key": None}}}, 'origin.headers["x-key"]'),
        ("aws", {"tags": {"a<b>": "c"}}, 'tags["a<b>"]'),
        ("aws", {"tags": {"a": "c" * 300}}, 'tags["a"]'),
        ("aws", {"cors": {"allow_origins": ["*", "https://a.example.com"]}}, "cors.allow_origins"),
        ("aws", {"cors": {"allow_origins": ["*"], "allow_methods": []}}, "cors.allow_methods"),
        ("aws", {"bucket": {"region": "Frankfurt"}}, "bucket.region"),
        ("gcp", {"bucket": {"name": "gs://mine/"}}, "bucket.name"),
        ("gcp", {"logging": {"sample_rate": 10**400}}, "logging.sample_rate"),
    ],
)
def test_what_would_be_ignored_or_refused_by_the_cloud_is_refused(cloud, args, path):
    assert list(problems(cloud, **args)) == [path]


def test_a_route_without_get_inherits_no_cache_on_gcp_and_counts_once():
    posts = [{"path": f"/{index}", "methods": ["POST"]} for index in range(150)]
    planned = plan("gcp", routes=posts)
    assert not any(route.caches for route in planned.routes[:-1])


def test_routes_to_the_bucket_are_kept_as_its_files_are():
    served = plan(
        policy={"default_ttl": 7, "key": {"headers": ["x-a"]}}, bucket={}, routes=[{"path": "/f/*", "to": "bucket"}]
    )
    kept = {route.path.text: route.policy.default_ttl for route in served.routes}
    assert kept == {"/artifacts/*": 86_400, "/f/*": 86_400, "/*": 7}


def test_on_gcp_files_are_kept_whatever_their_metadata_unless_the_policy_honors_it():
    assert plan("gcp", bucket={}).routes[0].policy.mode is CacheMode.FORCE
    (warning,) = [w for w in plan("gcp", bucket={"policy": {}}).warnings if w.startswith("bucket.policy.mode")]
    assert "Cache-Control metadata" in warning


def test_an_existing_policy_takes_the_place_of_one_made_here():
    existing = plan(aws={"existing_policy_ids": {"/*": "658327ea-f89d-4fab-a63d-7e88639e58f6"}})
    assert existing.default_route.existing_policy_id == "658327ea-f89d-4fab-a63d-7e88639e58f6"
    assert existing.policies == ()


def test_a_route_is_not_given_two_policies():
    ids = {"existing_policy_ids": {"/a": "id", "/b": "id"}}
    found = problems(aws=ids, routes=[{"path": "/a", "policy": {"default_ttl": 5}}])
    assert list(found) == ['aws.existing_policy_ids["/a"]', 'aws.existing_policy_ids["/b"]']


def test_overrides_are_checked_together_with_everything_else():
    with pytest.raises(InvalidArgsError) as caught:
        make_plan(
            "cache",
            {"cloud": "aws", "origin": {}, "overrides": {"distribution": {"x": 1}, "service": {}, "bucket": 3}},
            overrides_rule=lambda known, plan: [_overrides_seen(known, plan)],
        )
    assert [p.path for p in caught.value.problems] == ["origin.url", "overrides.service", "overrides.bucket", "seen"]


def _overrides_seen(known, plan):
    from inference_edge_cache.errors import Problem

    assert known == {"distribution": {"x": 1}}
    assert plan is None  # the other arguments are wrong
    return Problem("seen", "", "limit", "remedy")


# Errors on CloudFront hold for the whole distribution


def test_on_aws_two_routes_may_not_disagree_on_an_error():
    routes = [{"path": "/a", "policy": {"negative_ttl": {404: 10}}}]
    (problem,) = problems(policy={"negative_ttl": {404: 20}}, routes=routes).values()
    assert "one error table" in problem.limit
    assert plan("gcp", policy={"negative_ttl": {404: 20}}, routes=routes)


def test_on_aws_an_error_table_that_holds_for_other_routes_too_is_a_warning():
    (warning,) = plan(policy={"negative_ttl": {404: 20}}, bucket={}).warnings
    assert "the bucket's files" in warning
    assert plan(policy={"negative_ttl": {404: 20}}).warnings == ()
    assert plan(bucket={}).warnings == ()


# Names, Outputs and the shape of the input


@BOTH
@pytest.mark.parametrize("name", ["", "1a", "a b", "a_b", "é", "a" * 41])
def test_names_are_what_both_clouds_take(cloud, name):
    with pytest.raises(InvalidArgsError) as caught:
        make_plan(name, {"cloud": cloud, "origin": ORIGIN})
    assert [problem.path for problem in caught.value.problems] == ["name"]


INFERENCE = {"routes": [{"preset": "embeddings"}], "gateway": {"master_secret": "m" * 32}}


@pytest.mark.parametrize("made", [{"bucket": {}}, INFERENCE], ids=["bucket", "results bucket"])
@pytest.mark.parametrize("name", ["Embed", "goog-embed", "my-google-cache"])
def test_a_bucket_of_google_is_named_as_google_takes_it(name, made):
    """The API refuses it in the middle of a deployment: pulumi/pulumi-gcp#2164."""
    with pytest.raises(InvalidArgsError) as caught:
        make_plan(name, {"cloud": "gcp", "origin": ORIGIN, **made})
    (problem,) = caught.value.problems
    assert (problem.path, problem.kind) == ("name", "unsupported")


@pytest.mark.parametrize(("cloud", "bucket"), [("aws", {}), ("gcp", {"name": "mine"}), ("gcp", None)])
def test_where_google_makes_no_bucket_a_name_may_have_capitals(cloud, bucket):
    make_plan("Google", {"cloud": cloud, "origin": ORIGIN, **({} if bucket is None else {"bucket": bucket})})


@pytest.mark.parametrize(
    ("args", "paths"),
    [
        ({}, ["cloud", "origin"]),
        ({"cloud": "azure", "origin": ORIGIN}, ["cloud"]),
        ("aws", [""]),
        ({"cloud": "aws", "origin": "https://model.example.com"}, ["origin"]),
        ({"cloud": "aws", "orgin": ORIGIN}, ["orgin", "origin"]),
        ({"cloud": "aws", "origin": ORIGIN, "policy": "1h"}, ["policy"]),
        ({"cloud": "aws", "origin": ORIGIN, "tags": ["a"]}, ["tags"]),
        ({"cloud": "aws", "origin": ORIGIN, "tags": {1: "a"}}, ["tags[1]"]),
        ({"cloud": "aws", "origin": {**ORIGIN, "allow_http": "yes"}}, ["origin.allow_http"]),
        ({"cloud": "aws", "origin": {**ORIGIN, "attempts": 1.5}}, ["origin.attempts"]),
        ({"cloud": "aws", "origin": {**ORIGIN, "attempts": True}}, ["origin.attempts"]),
        ({"cloud": "aws", "origin": {**ORIGIN, "read_timeout": "soon"}}, ["origin.read_timeout"]),
        ({"cloud": "gcp", "origin": ORIGIN, "logging": {"sample_rate": "all"}}, ["logging.sample_rate"]),
        ({"cloud": "aws", "origin": ORIGIN, "policy": {"max_ttl": -1, "ttl": 1}}, ["policy.max_ttl", "policy.ttl"]),
        ({"cloud": "aws", "origin": ORIGIN, "policy": {"key": {"headrs": []}}}, ["policy.key.headrs"]),
    ],
)
def test_input_of_the_wrong_shape_is_told_whole(args, paths):
    with pytest.raises(InvalidArgsError) as caught:
        make_plan("cache", args)
    assert [problem.path for problem in caught.value.problems] == paths


def test_a_misspelled_key_gets_a_suggestion():
    assert problems(polcy={})["polcy"].remedy == "did you mean 'policy'?"
    assert problems(policy={"key": {"headrs": []}})["policy.key.headrs"].remedy == "did you mean 'headers'?"


@pytest.mark.usefixtures("event_loop_for_outputs")
@pytest.mark.parametrize("args", [{"cloud": None}, {"routes": None}, {"routes": [{"path": None}]}])
def test_what_decides_the_shape_cannot_be_an_output(args):
    with pytest.raises(InvalidArgsError) as caught:
        make_plan("cache", {"cloud": "aws", "origin": ORIGIN, **json.loads(json.dumps(args), object_hook=_outputs)})
    assert any("not an Output" in problem.limit for problem in caught.value.problems)


def _outputs(data):
    return {key: pulumi.Output.from_input("x") if value is None else value for key, value in data.items()}


def test_every_problem_of_the_whole_input_is_told_at_once():
    with pytest.raises(InvalidArgsError) as caught:
        make_plan(
            "my cache",
            {
                "cloud": "aws",
                "origin": {"url": "http://model.example.com", "headers": {"x-amz-a": "s"}},
                "policy": {"min_ttl": "2h", "key": {"headers": ["cookie"]}},
                "routes": [{"path": "v1"}, {"path": "/a", "policy": {"stale_if_error": 5}}],
                "geo": {"allow": ["de"]},
                "gcp": {},
                "overrides": {"service": {}},
            },
        )
    assert {problem.path for problem in caught.value.problems} == {
        "gcp",
        "geo.allow[0]",
        "name",
        'origin.headers["x-amz-a"]',
        "origin.url",
        "overrides.service",
        "policy.key.headers",
        "policy.min_ttl",
        "routes[0].path",
        "routes[1].policy.stale_if_error",
    }
    assert str(caught.value).startswith('InferenceEdgeCache "my cache" has 10 problems:\n  ')
    assert isinstance(caught.value, pulumi.RunError)


# What policies become


@pytest.mark.parametrize(
    ("policy", "ttls"),
    [
        (CachePolicy(min_ttl=1, default_ttl=2, max_ttl=3), (1, 2, 3)),
        (CachePolicy(mode="force", default_ttl="2h"), (7200, 7200, 7200)),
        (CachePolicy(mode="bypass"), (0, 0, 0)),
    ],
)
def test_ttls_by_mode(policy, ttls):
    decided = plan(policy=policy).default_route.policy
    assert (decided.min_ttl, decided.default_ttl, decided.max_ttl) == ttls
    assert decided.caches is (decided.mode is not CacheMode.BYPASS)


@pytest.mark.parametrize(
    ("key", "query"),
    [
        (CacheKey(), QueryPlan("all")),
        (CacheKey(query="none"), QueryPlan("none")),
        (CacheKey(query_only=["b", "a"]), QueryPlan("only", ("a", "b"))),
        (CacheKey(query_only=[]), QueryPlan("none")),
        (CacheKey(query_except=["t"]), QueryPlan("except", ("t",))),
        (CacheKey(query_except=[]), QueryPlan("all")),
    ],
)
def test_query_rules(key, query):
    assert plan(policy=CachePolicy(key=key)).default_route.policy.query == query
