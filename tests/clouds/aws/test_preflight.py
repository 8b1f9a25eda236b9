"""The CloudFront Function that answers preflights of inference routes, run as JavaScript."""

import json
import shutil
import subprocess

import pytest
from aws_rules import findings

from inference_edge_cache import InferenceEdgeCache
from inference_edge_cache.clouds.aws.render_preflight import code
from inference_edge_cache.plan.model import CorsPlan
from inference_edge_cache.testing import record

APP = "https://app.example.com"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def cors(*origins, credentials=False):
    return CorsPlan(origins, ("POST",), ("authorization", "content-type"), (), 600, credentials)


def answer(allowed, method="OPTIONS", origin=APP):
    """What the function makes of a request: the answer it gives, or the request that goes on."""
    headers = {} if origin is None else {"origin": {"value": origin}}
    event = {"request": {"method": method, "uri": "/v1/embeddings", "headers": headers}}
    script = f"{code(allowed)}\nconsole.log(JSON.stringify(handler({json.dumps(event)})))"
    run = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def allowed_origin(allowed, origin):
    return answer(allowed, origin=origin)["headers"].get("access-control-allow-origin", {}).get("value")


@needs_node
def test_a_preflight_is_answered():
    assert answer(cors(APP)) == {
        "statusCode": 204,
        "statusDescription": "No Content",
        "headers": {
            "access-control-allow-origin": {"value": APP},
            "access-control-allow-methods": {"value": "POST"},
            "access-control-allow-headers": {"value": "authorization, content-type"},
            "access-control-max-age": {"value": "600"},
            "cache-control": {"value": "no-store"},
            "vary": {"value": "Origin"},
        },
    }


@needs_node
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_every_other_request_goes_on_unchanged(method):
    assert answer(cors(APP), method) == {
        "method": method,
        "uri": "/v1/embeddings",
        "headers": {"origin": {"value": APP}},
    }


@needs_node
@pytest.mark.parametrize(
    ("allowed", "origin", "told"),
    [
        ((APP,), "https://evil.example.org", None),
        ((APP,), None, None),
        ((APP, "https://b.example.com"), "https://b.example.com", "https://b.example.com"),
        (("*",), "https://any.example.org", "*"),
        (("https://*.example.com",), APP, APP),
        (("https://*.example.com",), "https://a.b.example.com", "https://a.b.example.com"),
        (("https://*.example.com",), "https://.example.com", None),
        (("https://*.example.com",), "https://example.com", None),
        (("https://*.example.com",), "https://evil.org/.example.com", None),
        (("https://*.example.com",), "http://a.example.com", None),
    ],
)
def test_who_is_allowed(allowed, origin, told):
    assert allowed_origin(cors(*allowed), origin) == told


@needs_node
def test_credentials_are_allowed_where_they_are():
    told = answer(cors(APP, credentials=True))["headers"]
    assert told["access-control-allow-credentials"] == {"value": "true"}
    assert "access-control-allow-origin" not in answer(cors(APP, credentials=True), origin="https://b.org")["headers"]


def test_it_stands_before_everything_that_the_gateway_answers():
    args = {
        "cloud": "aws",
        "origin": {"sagemaker": {"endpoint_name": "e5"}},
        "routes": [{"preset": "embeddings"}],
        "gateway": {"master_secret": "a master secret of at least 32 bytes"},
        "cors": {"allow_origins": [APP]},
    }
    recording = record(lambda: InferenceEdgeCache("cache", args))
    function, distribution = recording.one("cache-preflight"), recording.one("Distribution").inputs
    assert {key: value for key, value in function.inputs.items() if key != "code"} == {
        "comment": "Answers preflights of the edge cache cache",
        "runtime": "cloudfront-js-2.0",
    }
    association = [{"eventType": "viewer-request", "functionArn": function.outputs["arn"]}]
    discovery, *others = [*distribution["orderedCacheBehaviors"], distribution["defaultCacheBehavior"]]
    assert "functionAssociations" not in discovery
    assert [behavior["functionAssociations"] for behavior in others] == [association] * 4
    assert findings(recording) == []
