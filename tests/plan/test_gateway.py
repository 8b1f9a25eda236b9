"""Inference routes and their gateway: what arguments become, and what is refused."""

import json

import pulumi
import pytest

from inference_edge_cache import INFERENCE_PRESETS, CachePolicy, InferencePolicy, InvalidArgsError
from inference_edge_cache.args import Access, FrontDoor, RouteTarget
from inference_edge_cache.plan import make_plan
from inference_edge_cache.plan.model import (
    BedrockModelPlan,
    GatewayTarget,
    HttpsModelPlan,
    InferenceRoutePlan,
    SageMakerModelPlan,
)
from inference_edge_cache.testing import record

MASTER = "a master secret of at least 32 bytes"
URL = {"url": "https://model.example.com"}
SAGEMAKER = {"sagemaker": {"endpoint_name": "e5-small"}}
BEDROCK = {"bedrock": {"model_id": "amazon.titan-embed-text-v2:0", "api": "invoke"}}
EMBEDDINGS = {"preset": "embeddings"}
CHAT = {"path": "/chat", "inference": {"dialect": "openai-chat"}, "policy": {"default_ttl": "1h", "max_ttl": "6h"}}
GENERATED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def plan(cloud="aws", **args):
    usual = {"origin": SAGEMAKER, "routes": [EMBEDDINGS], "gateway": {"master_secret": MASTER}}
    given = {key: value for key, value in {**usual, **args}.items() if value is not None}
    return make_plan("cache", {"cloud": cloud, **given})


def problems(cloud="aws", **args):
    with pytest.raises(InvalidArgsError) as caught:
        plan(cloud, **args)
    return {problem.path: problem for problem in caught.value.problems}


# --- Routes -------------------------------------------------------------------------------------------------------


def test_an_inference_route_becomes_three_and_the_rest_is_the_gateways():
    made = plan(routes=[EMBEDDINGS, CHAT])
    (embeddings, chat) = made.gateway.routes
    stored, answered, gateway = GatewayTarget.STORED, GatewayTarget.ANSWERED, GatewayTarget.GATEWAY
    read, every = ("GET", "HEAD"), ("GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE")
    assert {route.path.text: (route.target, route.methods, route.caches) for route in made.routes} == {
        "/.well-known/inference-edge-cache.json": (GatewayTarget.DISCOVERY, read, True),
        f"/v1/embeddings/~/{embeddings.generation}/*": (stored, read, True),
        "/v1/embeddings/~/*": (gateway, read, False),
        "/v1/embeddings": (gateway, every, False),
        f"/chat/~/{chat.generation}/*": (answered, read, True),
        "/chat/~/*": (gateway, read, False),
        "/chat": (gateway, every, False),
        "/*": (gateway, every, False),
    }
    assert made.origin is None
    assert made.default_route.path.text == "/*"
    order = [route.path.text for route in made.routes]
    assert order.index(f"/chat/~/{chat.generation}/*") < order.index("/chat/~/*")


def test_what_the_edge_keeps_has_one_policy_whose_bound_is_the_oldest_result():
    (policy,) = plan(routes=[EMBEDDINGS, CHAT]).policies
    assert (policy.min_ttl, policy.default_ttl, policy.max_ttl) == (0, 0, 30 * 86_400)
    assert (policy.query.rule, policy.headers, policy.cookies, policy.compression) == ("none", (), (), True)


def test_compression_is_the_routes_own():
    made = plan(routes=[{**EMBEDDINGS, "policy": {"compression": False}}])
    assert [route.policy.compression for route in made.routes if route.target is GatewayTarget.STORED] == [False]


def test_a_preset_has_path_and_policies_and_a_route_may_say_others():
    usual = plan().gateway
    assert [route.path for route in usual.routes] == [INFERENCE_PRESETS["embeddings"].path]
    document = json.loads(usual.config)
    assert document["results"]["/v1/embeddings"]["ttl"] == 7 * 86_400
    other = plan(routes=[{**EMBEDDINGS, "path": "/embed", "policy": CachePolicy(default_ttl="1h", max_ttl="2d")}])
    assert other.gateway.routes == (InferenceRoutePlan("/embed", other.gateway.routes[0].generation, 2 * 86_400),)
    assert json.loads(other.gateway.config)["results"]["/embed"]["ttl"] == 3600


def test_an_inference_policy_without_a_cache_policy_takes_that_of_the_cache():
    made = plan(routes=[{"path": "/x", "inference": InferencePolicy(dialect="tgi")}], policy={"default_ttl": "2h"})
    assert json.loads(made.gateway.config)["results"]["/x"]["ttl"] == 7200


def test_the_gateway_may_say_that_answers_can_be_stale():
    policy = {"default_ttl": "1h", "max_ttl": "1d", "stale_if_error": "2h", "stale_while_revalidate": 60}
    made = plan(routes=[{**EMBEDDINGS, "policy": policy}])
    assert json.loads(made.gateway.config)["results"]["/v1/embeddings"]["stale_if_error"] == 7200


def test_a_route_past_the_gateway_stays_direct():
    made = plan(origin=URL, routes=[EMBEDDINGS, {"path": "/v1/*", "policy": {"mode": "bypass"}}])
    assert made.origin.host == "model.example.com"
    targets = {route.path.text: route.target for route in made.routes}
    assert (targets["/v1/*"], targets["/*"]) == (RouteTarget.ENDPOINT, GatewayTarget.GATEWAY)


def test_a_default_route_of_ones_own_is_not_the_gateways():
    made = plan(origin=URL, routes=[EMBEDDINGS, {"path": "/*", "policy": {"mode": "bypass"}}])
    assert made.default_route.target is RouteTarget.ENDPOINT


@pytest.mark.parametrize(("age", "days", "by_the_cdn"), [(60, 1, False), (86_399, 1, False), (86_400, 1, True)])
def test_results_lie_in_the_bucket_for_whole_days(age, days, by_the_cdn):
    route = InferenceRoutePlan("/v1/x", "g" * 12, age)
    assert (route.days, route.in_the_bucket_of_the_cdn) == (days, by_the_cdn)
    assert InferenceRoutePlan("/v1/x", "g" * 12, 86_401).days == 2


def test_the_route_at_the_root_has_no_empty_segment():
    assert InferenceRoutePlan("/", "g" * 12, 60).current == f"/~/{'g' * 12}/"


# --- Generation ---------------------------------------------------------------------------------------------------

SAME = {"origin": SAGEMAKER, "generation": "1"}


@pytest.mark.parametrize(
    "args",
    [
        {"generation": "2"},
        {"origin": {"sagemaker": {"endpoint_name": "e5-large"}}},
        {"origin": {"sagemaker": {"endpoint_name": "e5-small", "target_model": "m"}}},
        {"origin": {"sagemaker": {"endpoint_name": "e5-small", "target_variant": "m"}}},
        {"origin": {"sagemaker": {"endpoint_name": "e5-small", "inference_component": "m"}}},
        {"origin": BEDROCK},
        {"origin": {"bedrock": {**BEDROCK["bedrock"], "api": "converse"}}},
        {"origin": URL},
        {"routes": [{"path": "/v1/embeddings", "inference": {"dialect": "openai-embeddings"}}]},
    ],
)
def test_whatever_makes_other_answers_makes_another_generation(args):
    one, other = (plan(**{**SAME, **changed}).gateway.routes[0].generation for changed in ({}, args))
    assert set(one) | set(other) <= set(GENERATED)
    assert one != other


@pytest.mark.parametrize(
    "args",
    [
        {"gateway": {"master_secret": MASTER[::-1], "memory": 1024}},
        {"routes": [{**EMBEDDINGS, "policy": {"default_ttl": "1h"}}]},
        {"tags": {"a": "b"}},
    ],
)
def test_what_makes_no_other_answers_keeps_the_generation(args):
    assert plan(**SAME).gateway.routes[0].generation == plan(**{**SAME, **args}).gateway.routes[0].generation


def test_a_credential_of_the_model_is_not_part_of_it():
    one, other = (
        plan(origin={**URL, "headers": {"x-api-key": key}}).gateway.routes[0].generation for key in ("a", "b")
    )
    assert one == other


def test_the_documents_are_the_same_bytes_for_the_same_arguments():
    one, other = plan(routes=[EMBEDDINGS, CHAT]).gateway, plan(routes=[EMBEDDINGS, CHAT]).gateway
    assert (one.config, one.discovery) == (other.config, other.discovery)
    assert json.loads(one.config)["edge"] == json.loads(one.discovery)


# --- Gateway ------------------------------------------------------------------------------------------------------


def test_what_is_said_of_the_gateway_when_nobody_says_it():
    made = plan().gateway
    assert (made.access, made.front_door) == (Access.KEYED, FrontDoor.SECRET)
    sizes = (made.memory, made.timeout, made.reserved_concurrency, made.log_retention_days, made.environment)
    assert sizes == (512, 60, 50, 30, ())


def test_what_is_said_of_it():
    said = {
        "master_secret": MASTER + "\n",
        "front_door": "iam",
        "memory": 1024,
        "timeout": "2m",
        "reserved_concurrency": 5,
        "log_retention_days": 7,
        "environment": {"THIS": "2", "AN_OTHER": "1"},
    }
    made = plan(gateway=said).gateway
    assert made.master_secret == MASTER  # an editor's line break is not part of it, as for the gateway itself
    assert (made.front_door, made.memory, made.timeout) == (FrontDoor.IAM, 1024, 120)
    assert (made.reserved_concurrency, made.log_retention_days) == (5, 7)
    assert made.environment == (("AN_OTHER", "1"), ("THIS", "2"))


def test_public_access_needs_no_secret_and_says_what_that_means():
    made = plan(gateway={"access": "public"})
    assert made.gateway.master_secret is None
    assert json.loads(made.gateway.discovery)["access"] == "public"
    assert [warning for warning in made.warnings if "past the cache" in warning]


@pytest.mark.parametrize("access", [{"access": "public"}, {"master_secret": MASTER}])
def test_a_front_door_of_iam_says_what_it_costs(access):
    (warning,) = plan(gateway={**access, "front_door": "iam"}).warnings
    assert "x-amz-content-sha256" in warning
    assert ("Authorization" in warning) == ("master_secret" in access)


@pytest.mark.parametrize(
    ("access", "cors", "missing"),
    [
        ({}, {}, ["POST in cors.allow_methods", "authorization in cors.allow_headers"]),
        ({}, {"allow_methods": ["POST"], "allow_headers": ["*"]}, ["authorization in cors.allow_headers"]),
        ({}, {"allow_methods": ["POST"], "allow_headers": ["Authorization", "Content-Type"]}, []),
        ({"access": "public"}, {"allow_methods": ["POST"]}, []),
    ],
)
def test_what_a_page_needs_and_is_not_allowed_is_said(access, cors, missing):
    gateway = {"front_door": "iam", **access} if access else {"master_secret": MASTER}
    warnings = plan(gateway=gateway, cors={"allow_origins": ["https://app.example.com"], **cors}).warnings
    said = [warning for warning in warnings if warning.startswith("cors: ")]
    assert len(said) == bool(missing)
    assert all(word in said[0] for word in missing)


def test_pages_ask_before_they_send_a_header_of_ours():
    routes = plan(cors={"allow_origins": ["*"]}).routes
    read = [route for route in routes if "/~/" in route.path.text]
    assert [route.methods for route in read] == [("GET", "HEAD", "OPTIONS")] * 2


# --- Models -------------------------------------------------------------------------------------------------------

PROFILE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
BEDROCK_ARN = "arn:aws:bedrock:eu-west-1:123456789012:"


@pytest.mark.parametrize(
    ("origin", "model"),
    [
        (URL, HttpsModelPlan("https://model.example.com", False, 5)),
        (
            {
                "url": "http://m.example.com/base",
                "allow_http": True,
                "connect_timeout": 2,
                "headers": {"x-b": "2", "x-a": "1"},
            },
            HttpsModelPlan("http://m.example.com/base", True, 2, (("x-a", "1"), ("x-b", "2"))),
        ),
        (SAGEMAKER, SageMakerModelPlan("e5-small")),
        (
            {
                "sagemaker": {
                    "endpoint_name": "E5",
                    "target_model": "a",
                    "target_variant": "b",
                    "inference_component": "c",
                }
            },
            SageMakerModelPlan("E5", target_model="a", target_variant="b", inference_component="c"),
        ),
        (
            {"sagemaker": {"endpoint_name": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/e5"}},
            SageMakerModelPlan("e5", "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/e5", "eu-west-1"),
        ),
        (BEDROCK, BedrockModelPlan("amazon.titan-embed-text-v2:0", "invoke")),
        (
            {"bedrock": {"model_id": "amazon.titan-embed-text-v1", "api": "invoke"}},
            BedrockModelPlan("amazon.titan-embed-text-v1", "invoke"),
        ),
        ({"bedrock": {"model_id": PROFILE, "api": "converse"}}, BedrockModelPlan(PROFILE, "converse", profile=True)),
        (
            {"bedrock": {"model_id": f"{BEDROCK_ARN}application-inference-profile/abc", "api": "converse"}},
            BedrockModelPlan(f"{BEDROCK_ARN}application-inference-profile/abc", "converse", "eu-west-1", True),
        ),
        (
            {"bedrock": {"model_id": f"{BEDROCK_ARN}provisioned-model/abc", "api": "invoke"}},
            BedrockModelPlan(f"{BEDROCK_ARN}provisioned-model/abc", "invoke", "eu-west-1"),
        ),
    ],
)
def test_the_model_behind_the_gateway(origin, model):
    assert plan(origin=origin).gateway.model == model


# --- What is refused ----------------------------------------------------------------------------------------------

BAD = CachePolicy(default_ttl="1h", max_ttl="1h", key={"headers": ["x-a"]})
REFUSED = [
    # Which arguments go together
    ({"gateway": None}, "gateway", "is required"),
    ({"routes": None, "origin": URL}, "gateway", "means nothing"),
    ({"routes": None, "origin": URL, "gateway": None, "generation": "2"}, "generation", "means nothing"),
    ({"origin": {}}, "origin.url", "is required"),
    ({"origin": {**URL, **SAGEMAKER}}, "origin", "more than one model"),
    ({"routes": None, "gateway": None}, "origin.sagemaker", "inference routes only"),
    ({"origin": {**SAGEMAKER, "headers": {"x-a": "b"}}}, "origin.headers", "belongs to a url"),
    ({"origin": {**BEDROCK, "failover": URL}}, "origin.failover", "belongs to a url"),
    *(
        ({"origin": {**URL, key: value}}, f"origin.{key}", "means nothing")
        for key, value in (("read_timeout", 20), ("response_timeout", 60), ("attempts", 2), ("failover", URL))
    ),
    ({"forward_headers": ["x-a"]}, "forward_headers", "is used by no route"),
    ({"policy": {"default_ttl": 60}}, "policy", "is used by no route"),
    ({"routes": [EMBEDDINGS, {"path": "/x"}]}, "routes[1]", "there is no endpoint"),
    (
        {"origin": URL, "routes": [EMBEDDINGS, {"path": "/x", "policy": {"negative_ttl": {404: 5}}}]},
        'routes[1].policy.negative_ttl["404"]',
        "one error table",
    ),
    # Routes
    ({"routes": [{"preset": "embedding"}]}, "routes[0].preset", "is not a preset"),
    ({"routes": [{"inference": {"dialect": "tgi"}}]}, "routes[0].path", "is required"),
    ({"routes": [{}, EMBEDDINGS]}, "routes[0].path", "is required"),
    ({"routes": [{**EMBEDDINGS, "inference": {"dialect": "tgi"}}]}, "routes[0].inference", "has an inference policy"),
    ({"routes": [{**EMBEDDINGS, "methods": ["GET", "HEAD"]}]}, "routes[0].methods", "answered by the gateway"),
    ({"routes": [{**EMBEDDINGS, "to": "bucket"}]}, "routes[0].to", "answered by the gateway"),
    ({"routes": [{**EMBEDDINGS, "path": "/v1/*"}]}, "routes[0].path", "must be exact"),
    ({"routes": [{**EMBEDDINGS, "path": "/a/~/b"}]}, "routes[0].path", "must be exact"),
    ({"routes": [{**EMBEDDINGS, "path": "/" + "a" * 240}]}, "routes[0].path", "255 characters"),
    ({"routes": [EMBEDDINGS, EMBEDDINGS]}, "routes[1].path", "is the same path"),
    ({"origin": URL, "routes": [EMBEDDINGS, {"path": "/v1/embeddings"}]}, "routes[0].path", "is the same path"),
    ({"origin": URL, "routes": [EMBEDDINGS, {"path": "/v1/embeddings/~/*"}]}, "routes[0].path", "is the same path"),
    (
        {"origin": URL, "routes": [EMBEDDINGS, {"path": "/.well-known/inference-edge-cache.json"}]},
        "the discovery document of the gateway",
        "is the same path as routes[1].path",
    ),
    ({"routes": [{**EMBEDDINGS, "policy": BAD}]}, "routes[0].policy.key.headers", "path alone"),
    ({"routes": [{**EMBEDDINGS, "policy": {"mode": "force"}}]}, "routes[0].policy.mode", "no-store"),
    (
        {"routes": [{**EMBEDDINGS, "policy": {"default_ttl": "2h", "max_ttl": "1h"}}]},
        "routes[0].policy.default_ttl",
        "at most max_ttl",
    ),
    (
        {"routes": [{**EMBEDDINGS, "policy": {"max_ttl": 31_536_001}}]},
        "routes[0].policy.max_ttl",
        "at most 31,536,000 s",
    ),
    (
        {"routes": [{"path": "/x", "inference": {"dialect": "tgi", "key_headers": ["authorization"]}}]},
        "routes[0].inference.key_headers",
        "is a credential",
    ),
    (
        {"routes": [{"path": "/x", "inference": {"dialect": "tgi", "max_body_bytes": 7_000_000}}]},
        "routes[0].inference.max_body_bytes",
        "6,291,456",
    ),
    (
        {"routes": [{"path": "/x", "inference": {"dialect": "tgi", "max_result_bytes": 7_000_000}}]},
        "routes[0].inference.max_result_bytes",
        "6,291,456",
    ),
    (
        {"routes": [{"path": "/x", "inference": {"dialect": "tgi", "ignored_fields": ["\ud800"]}}]},
        "routes[0].inference",
        "is not a field's name",
    ),
    ({"routes": [{"path": "/x", "inference": {"dialect": "latin"}}]}, "routes[0].inference.dialect", "Input should be"),
    ({"routes": [{"path": "/x", "inference": {"dialect": "tgi", "ttl": 1}}]}, "routes[0].inference.ttl", "known key"),
    # Gateway
    ({"gateway": {}}, "gateway.master_secret", "is required"),
    ({"gateway": {"master_secret": "hunter2"}}, "gateway.master_secret", "at least 32 bytes"),
    ({"gateway": {"master_secret": "x" * 31 + "\n"}}, "gateway.master_secret", "at least 32 bytes"),
    ({"gateway": {"master_secret": 7}}, "gateway.master_secret", "must be a text"),
    ({"gateway": {"master_secret": MASTER, "access": "public"}}, "gateway.master_secret", "means nothing"),
    ({"gateway": {"master_secret": MASTER, "access": "open"}}, "gateway.access", "must be one of"),
    ({"gateway": {"master_secret": MASTER, "front_door": "x"}}, "gateway.front_door", "must be one of"),
    ({"gateway": {"master_secret": MASTER, "memory": 127}}, "gateway.memory", "128 to 10,240 MB"),
    ({"gateway": {"master_secret": MASTER, "memory": 10_241}}, "gateway.memory", "128 to 10,240 MB"),
    ({"gateway": {"master_secret": MASTER, "timeout": 4}}, "gateway.timeout", "5 to 120 s"),
    ({"gateway": {"master_secret": MASTER, "timeout": 121}}, "gateway.timeout", "5 to 120 s"),
    ({"gateway": {"master_secret": MASTER, "reserved_concurrency": 0}}, "gateway.reserved_concurrency", "at least 1"),
    (
        {"gateway": {"master_secret": MASTER, "log_retention_days": 2}},
        "gateway.log_retention_days",
        "is not a retention",
    ),
    *(
        ({"gateway": {"master_secret": MASTER, "environment": {name: "hush"}}}, f'gateway.environment["{name}"]', limit)
        for name, limit in (
            ("AWS_REGION", "set by Lambda"),
            ("INFERENCE_EDGE_CACHE_STORE", "set by the deployment"),
            ("1A", "cannot be the name"),
        )
    ),
    ({"gateway": {"master_secret": MASTER, "environment": {"A_B": "x" * 2100}}}, "gateway.environment", "4 KB"),
    ({"gateway": {"master_secret": MASTER, "memry": 1}}, "gateway.memry", "is not a known key"),
    ({"generation": "\ud800"}, "generation", "lone surrogate"),
    # Models
    ({"origin": {"url": "http://m.example.com"}}, "origin.url", "is plain http"),
    ({"origin": {**URL, "connect_timeout": 11}}, "origin.connect_timeout", "1 to 10 s"),
    *(
        ({"origin": {**URL, "headers": {name: value}}}, f'origin.headers["{name}"]', limit)
        for name, value, limit in (
            ("x-key", "hush\n", "one line"),
            ("content-length", "5", "connection's own"),
        )
    ),
    ({"origin": {**URL, "headers": {"x key": "hush"}}}, "origin.headers[0]", "cannot be the name"),
    ({"origin": {"sagemaker": {}}}, "origin.sagemaker.endpoint_name", "is required"),
    ({"origin": {"sagemaker": {"endpoint_name": "e 5"}}}, "origin.sagemaker.endpoint_name", "is not the name"),
    (
        {"origin": {"sagemaker": {"endpoint_name": "e5", "target_model": "a b"}}},
        "origin.sagemaker.target_model",
        "visible characters",
    ),
    ({"origin": {"bedrock": {"model_id": "titan"}}}, "origin.bedrock.api", "is required"),
    ({"origin": {"bedrock": {"model_id": "titan", "api": "invoke"}}}, "origin.bedrock.model_id", "is not the id"),
    (
        {"origin": {"bedrock": {"model_id": f"{BEDROCK_ARN}guardrail/x", "api": "invoke"}}},
        "origin.bedrock.model_id",
        "is not the id",
    ),
    ({"origin": {"bedrock": {"model_id": "a.b", "api": "stream"}}}, "origin.bedrock.api", "must be one of"),
]


@pytest.mark.parametrize(("args", "path", "limit"), REFUSED)
def test_what_is_refused_and_where(args, path, limit):
    found = problems(**args)
    assert path in found
    assert limit in found[path].limit
    assert found[path].remedy
    shown = "\n".join(map(str, found.values()))
    assert "hush" not in shown
    assert "hunter2" not in shown


def test_everything_that_is_wrong_is_told_at_once():
    found = problems(
        origin={"sagemaker": {"endpoint_name": "e 5"}},
        routes=[{"preset": "embedding"}, {**EMBEDDINGS, "path": "x"}],
        gateway={"memory": 1},
    )
    assert set(found) == {
        "origin.sagemaker.endpoint_name",
        "routes[0].preset",
        "routes[1].path",
        "gateway.master_secret",
        "gateway.memory",
    }


VERTEX = {"vertex": {"endpoint": "1", "region": "us-central1", "method": "predict"}}


@pytest.mark.parametrize(("cloud", "origin"), [("gcp", SAGEMAKER), ("gcp", BEDROCK), ("aws", VERTEX)])
def test_a_model_of_the_other_cloud_is_unsupported(cloud, origin):
    ((path, problem),) = problems(cloud, origin=origin).items()
    assert path == f"origin.{next(iter(origin))}"
    assert problem.kind == "unsupported"
    assert 'choose cloud "' in problem.remedy


@pytest.mark.parametrize(
    ("key", "value"), [("region", "us-west-2"), ("concurrency", 8), ("min_instances", 1), ("max_instances", 5)]
)
def test_what_only_a_gateway_on_gcp_has_is_unsupported(key, value):
    ((path, problem),) = problems(gateway={"master_secret": MASTER, key: value}).items()
    assert (path, problem.kind) == (f"gateway.{key}", "unsupported")


def test_apis_are_googles_to_enable():
    assert problems(gcp={"enable_apis": True})["gcp"].kind == "unsupported"


def test_many_inference_routes_reach_the_quota_of_behaviors():
    def routes(count):
        return [{**EMBEDDINGS, "path": f"/{index}"} for index in range(count)]

    assert plan(routes=routes(24)).warnings == ()  # 72, the discovery document and the default route
    (warning,) = plan(routes=routes(25)).warnings
    assert "75 behaviours" in warning


# --- Outputs ------------------------------------------------------------------------------------------------------


def late(value):
    return pulumi.Output.from_input(value)


def test_a_master_secret_may_be_known_late(event_loop_for_outputs):
    assert isinstance(
        plan(gateway={"master_secret": pulumi.Output.secret(MASTER)}).gateway.master_secret, pulumi.Output
    )


def test_a_url_of_a_model_may_not(event_loop_for_outputs):
    assert "must be a plain value" in problems(origin={"url": late("https://m.example.com")})["origin.url"].limit


def test_names_of_models_may_not(event_loop_for_outputs):
    found = problems(origin={"sagemaker": {"endpoint_name": late("e5")}})
    assert "must be a plain value" in found["origin.sagemaker.endpoint_name"].limit


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ({"gateway": {"master_secret": "hunter2"}}, "gateway.master_secret"),
        ({"origin": {**URL, "headers": {"x-key": "hunter2\n"}}}, 'origin.headers["x-key"]'),
    ],
)
def test_a_secret_that_turns_out_wrong_is_refused_unseen(args, path):
    from inference_edge_cache import InferenceEdgeCache

    def made_late(value):
        if isinstance(value, dict):
            return {key: item if key == "url" else made_late(item) for key, item in value.items()}
        return pulumi.Output.secret(value)

    usual = {"origin": SAGEMAKER, "gateway": {"master_secret": MASTER}}

    def program():
        InferenceEdgeCache("cache", {"cloud": "aws", "routes": [EMBEDDINGS], **usual, **made_late(args)})

    with pytest.raises(InvalidArgsError) as caught:
        record(program)
    assert [problem.path for problem in caught.value.problems] == [path]
    assert "hunter2" not in str(caught.value)
