"""Inference routes on GCP: what arguments become there, and what Media CDN, Cloud Run and Vertex AI refuse."""

import json

import pytest

from inference_edge_cache import INFERENCE_PRESETS, InvalidArgsError
from inference_edge_cache.plan import make_plan
from inference_edge_cache.plan.model import GatewayTarget, HttpsModelPlan, VertexModelPlan

MASTER = "a master secret of at least 32 bytes"
MIB = 1024 * 1024
URL = {"url": "https://model.example.com"}
ENDPOINT = {"endpoint": "1234567890", "region": "europe-west4", "method": "predict"}
PUBLISHER = "publishers/google/models/text-embedding-005"
VERTEX = {"vertex": ENDPOINT}
EMBEDDINGS = {"preset": "embeddings"}
CHAT = {"path": "/chat", "inference": {"dialect": "openai-chat"}, "policy": {"default_ttl": "1h", "max_ttl": "6h"}}
DOMAIN = {"names": ["cache.example.com"], "certificate": "projects/p/locations/global/certificates/c"}


def plan(**args):
    usual = {
        "origin": VERTEX,
        "routes": [EMBEDDINGS],
        "gateway": {"master_secret": MASTER},
        "custom_domain": DOMAIN,
    }
    given = {key: value for key, value in {**usual, **args}.items() if value is not None}
    return make_plan("cache", {"cloud": "gcp", **given})


def problems(**args):
    with pytest.raises(InvalidArgsError) as caught:
        plan(**args)
    return {problem.path: problem for problem in caught.value.problems}


# --- Routes -------------------------------------------------------------------------------------------------------


def test_an_inference_route_becomes_three_as_on_the_other_cloud():
    made = plan(routes=[EMBEDDINGS, CHAT])
    (embeddings, chat) = made.gateway.routes
    assert {route.path.text: route.target for route in made.routes} == {
        "/.well-known/inference-edge-cache.json": GatewayTarget.DISCOVERY,
        f"/v1/embeddings/~/{embeddings.generation}/*": GatewayTarget.STORED,
        "/v1/embeddings/~/*": GatewayTarget.GATEWAY,
        "/v1/embeddings": GatewayTarget.GATEWAY,
        f"/chat/~/{chat.generation}/*": GatewayTarget.ANSWERED,
        "/chat/~/*": GatewayTarget.GATEWAY,
        "/chat": GatewayTarget.GATEWAY,
        "/*": GatewayTarget.GATEWAY,
    }
    assert made.origin is None


def test_the_generation_is_the_other_clouds_for_the_same_model():
    on_aws = make_plan(
        "cache", {"cloud": "aws", "origin": URL, "routes": [EMBEDDINGS], "gateway": {"master_secret": MASTER}}
    )
    assert plan(origin=URL).gateway.routes[0].generation == on_aws.gateway.routes[0].generation


def test_the_quota_of_route_rules_is_reached_by_66_routes():
    def routes(count):
        return [{**EMBEDDINGS, "path": f"/{index}"} for index in range(count)]

    assert len(plan(routes=routes(66)).routes) == 200  # with the discovery document and the default route
    assert "at most 200 route rules" in problems(routes=routes(67))["routes"].limit


@pytest.mark.parametrize("preset", INFERENCE_PRESETS)
def test_every_preset_can_be_deployed(preset):
    made = plan(origin=URL, routes=[{"preset": preset}])
    (results,) = json.loads(made.gateway.config)["results"].values()
    assert results["max_result_bytes"] == MIB  # what Media CDN serves without fetching it in pieces


def test_a_size_of_results_that_is_said_and_fits_is_kept():
    route = {"path": "/x", "inference": {"dialect": "tgi", "max_result_bytes": 1000}}
    assert json.loads(plan(routes=[route]).gateway.config)["results"]["/x"]["max_result_bytes"] == 1000


def test_how_long_a_browser_keeps_answers_is_the_gateways_to_say():
    policy = {"default_ttl": "1d", "max_ttl": "7d", "browser_ttl": 0}
    config = json.loads(plan(routes=[{**EMBEDDINGS, "policy": policy}]).gateway.config)
    assert config["results"]["/v1/embeddings"]["browser_ttl"] == 0


# --- Gateway ------------------------------------------------------------------------------------------------------


def test_what_is_said_of_the_gateway_when_nobody_says_it():
    made = plan().gateway
    assert (made.memory, made.timeout, made.concurrency, made.min_instances, made.max_instances) == (512, 60, 80, 0, 10)
    assert plan().enable_apis is False


def test_what_is_said_of_it():
    said = {"memory": 1024, "timeout": "10m", "concurrency": 20, "min_instances": 1, "max_instances": 3}
    made = plan(gateway={"master_secret": MASTER, **said, "region": "us-east1"}, gcp={"enable_apis": True})
    gateway = made.gateway
    assert (gateway.memory, gateway.timeout, gateway.region) == (1024, 600, "us-east1")
    assert (gateway.concurrency, gateway.min_instances, gateway.max_instances) == (20, 1, 3)
    assert made.enable_apis is True


@pytest.mark.parametrize(
    ("origin", "region"),
    [
        (VERTEX, "europe-west4"),
        ({"vertex": {**ENDPOINT, "endpoint": PUBLISHER, "region": "global"}}, None),
        (URL, None),
    ],
)
def test_it_runs_where_its_model_is(origin, region):
    assert plan(origin=origin).gateway.region == region
    assert plan(origin=origin, gateway={"master_secret": MASTER, "region": "us-east1"}).gateway.region == "us-east1"


# --- Models -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "model"),
    [
        (VERTEX, VertexModelPlan("1234567890", "europe-west4", "predict")),
        (
            {"vertex": {**ENDPOINT, "project": "models", "domain": "1.europe-west4-2.prediction.vertexai.goog"}},
            VertexModelPlan(
                "1234567890",
                "europe-west4",
                "predict",
                project="models",
                domain="1.europe-west4-2.prediction.vertexai.goog",
            ),
        ),
        (
            {"vertex": {"endpoint": PUBLISHER, "region": "global", "method": "rawPredict"}},
            VertexModelPlan(PUBLISHER, "global", "rawPredict"),
        ),
        # The gateway's own connection has no 15 s to wait for.
        (URL, HttpsModelPlan("https://model.example.com", False, 5)),
    ],
)
def test_the_model_behind_the_gateway(origin, model):
    assert plan(origin=origin).gateway.model == model


@pytest.mark.parametrize(
    "other",
    [
        {"endpoint": "2"},
        {"region": "us-central1"},
        {"method": "rawPredict"},
        {"project": "models"},
    ],
)
def test_another_model_is_another_generation(other):
    (one,), (two,) = (plan(origin={"vertex": {**ENDPOINT, **more}}).gateway.routes for more in ({}, other))
    assert one.generation != two.generation


def test_the_domain_of_an_endpoint_makes_no_other_answers():
    domain = {"domain": "1.europe-west4-2.prediction.vertexai.goog"}
    (one,), (two,) = (plan(origin={"vertex": {**ENDPOINT, **more}}).gateway.routes for more in ({}, domain))
    assert one.generation == two.generation


# --- What is refused ----------------------------------------------------------------------------------------------


def gateway(**said):
    return {"gateway": {"master_secret": MASTER, **said}}


def vertex(**said):
    return {"origin": {"vertex": {**ENDPOINT, **said}}}


def inference(**said):
    return {"routes": [{"path": "/x", "inference": {"dialect": "tgi", **said}}]}


REFUSED = [
    ({"gateway": None}, "gateway", "is required", "invalid"),
    ({"routes": None, "origin": URL}, "gateway", "means nothing", "invalid"),
    ({"origin": {}}, "origin.url", "is required", "invalid"),
    ({"origin": {**VERTEX, "headers": {"x-a": "b"}}}, "origin.headers", "belongs to a url", "invalid"),
    ({"routes": [EMBEDDINGS, {"path": "/x"}]}, "routes[1]", "there is no endpoint", "invalid"),
    # The function
    (gateway(memory=255), "gateway.memory", "256 to 4,096 MB", "invalid"),
    (gateway(memory=4097), "gateway.memory", "256 to 4,096 MB", "invalid"),
    (gateway(timeout=4), "gateway.timeout", "5 to 3,600 s", "invalid"),
    (gateway(timeout="61m"), "gateway.timeout", "5 to 3,600 s", "invalid"),
    (gateway(concurrency=1001), "gateway.concurrency", "1 to 1,000 requests", "invalid"),
    (gateway(min_instances=-1), "gateway.min_instances", "0 to 1,000 instances", "invalid"),
    (gateway(min_instances=11), "gateway.min_instances", "gateway.max_instances, which is 10", "invalid"),
    (gateway(max_instances=0), "gateway.max_instances", "1 to 1,000 instances", "invalid"),
    (gateway(region="Europe"), "gateway.region", "is not a region", "invalid"),
    (gateway(reserved_concurrency=5), "gateway.reserved_concurrency", "reserves nothing", "unsupported"),
    (gateway(log_retention_days=30), "gateway.log_retention_days", "log bucket", "unsupported"),
    (gateway(front_door="iam"), "gateway.front_door", "no identity", "unsupported"),
    *(
        (gateway(environment={name: "hush"}), f'gateway.environment["{name}"]', limit, kind)
        for name, limit, kind in (
            ("PORT", "set by Cloud Run", "unsupported"),
            ("K_SERVICE", "set by Cloud Run", "unsupported"),
            ("THREADS", "set by Cloud Run", "unsupported"),
            ("INFERENCE_EDGE_CACHE_STORE", "set by the deployment", "invalid"),
        )
    ),
    (gateway(environment={"A_B": "x" * 31_000}), "gateway.environment", "32 KB", "unsupported"),
    # Media CDN
    (inference(max_result_bytes=MIB + 1), "routes[0].inference.max_result_bytes", "1,048,576 bytes", "invalid"),
    (inference(max_body_bytes=33 * MIB), "routes[0].inference.max_body_bytes", "33,554,432 bytes", "invalid"),
    ({"routes": [{**EMBEDDINGS, "policy": {"mode": "force"}}]}, "routes[0].policy.mode", "no-store", "invalid"),
    ({"cors": {"allow_origins": ["https://*.a.example.com"]}}, "cors.allow_origins[0]", "no wildcard", "unsupported"),
    # Vertex AI
    ({"origin": {"vertex": {}}}, "origin.vertex.endpoint", "is required", "invalid"),
    (vertex(endpoint="models/x"), "origin.vertex.endpoint", "is not the id of an endpoint", "invalid"),
    (vertex(region="Frankfurt"), "origin.vertex.region", "is not a region", "invalid"),
    (vertex(region="global"), "origin.vertex.region", "publishers' models", "invalid"),
    (vertex(method="generateContent"), "origin.vertex.method", "must be one of", "invalid"),
    (vertex(project="a/b"), "origin.vertex.project", "is not the id of a project", "invalid"),
    (vertex(domain="https://a.b"), "origin.vertex.domain", "is not the domain name", "invalid"),
    (vertex(endpoint=PUBLISHER, domain="a.b.goog"), "origin.vertex.domain", "dedicated endpoint", "invalid"),
]


@pytest.mark.parametrize(("args", "path", "limit", "kind"), REFUSED)
def test_what_is_refused_and_where(args, path, limit, kind):
    found = problems(**args)
    assert path in found
    assert limit in found[path].limit
    assert found[path].kind == kind
    assert found[path].remedy
    assert "hush" not in "\n".join(map(str, found.values()))


def test_everything_that_is_wrong_is_told_at_once():
    found = problems(
        origin={"vertex": {**ENDPOINT, "region": "Frankfurt", "endpoint": "a/b"}},
        routes=[{"preset": "embedding"}],
        gateway={"memory": 1, "front_door": "iam"},
    )
    assert set(found) == {
        "origin.vertex.region",
        "origin.vertex.endpoint",
        "routes[0].preset",
        "gateway.master_secret",
        "gateway.memory",
        "gateway.front_door",
    }


# --- What is warned of --------------------------------------------------------------------------------------------


def test_what_media_cdn_does_not_take_is_said():
    (warning,) = plan(routes=[EMBEDDINGS, CHAT]).warnings
    assert all(word in warning for word in ("16 KiB", "15 s", "upload_url"))


def test_public_access_leaves_the_gateway_open_and_says_so():
    warnings = plan(gateway={"access": "public"}).warnings
    assert [warning for warning in warnings if warning.startswith("gateway.access: ") and "past the cache" in warning]


def test_without_tls_uploads_are_not_trusted_and_keys_are_not_safe():
    (warning,) = [warning for warning in plan(custom_domain=None).warnings if warning.startswith("custom_domain: ")]
    assert "upload_url" in warning
    assert "unencrypted" in warning
