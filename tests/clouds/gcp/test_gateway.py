"""The reference deployment of inference routes, every input of every resource; what models and access change."""

import json
import subprocess
import sys
from pathlib import Path

import pulumi
import pytest
from gcp_rules import findings

from inference_edge_cache import InferenceEdgeCache, InvalidArgsError
from inference_edge_cache.clouds.gcp.names import short_name
from inference_edge_cache.clouds.gcp.render_gateway import digest_of
from inference_edge_cache.gateway import secrets
from inference_edge_cache.gateway.archive import archive_files
from inference_edge_cache.gateway.assembly import gateway_from
from inference_edge_cache.gateway.config import parse_gateway_config
from inference_edge_cache.gateway.messages import Deadline, Request
from inference_edge_cache.protocol import derive_api_key, parse_edge_config
from inference_edge_cache.protocol.keys import origin_proof
from inference_edge_cache.testing import CloudMocks, Secret, Unknown, record, reveal
from inference_edge_cache.testing._cloud import Cloud

MASTER = "a master secret of at least 32 bytes"
HEADERS = {"x-api-key": "hush-hush", "x-team": "search"}
EMBEDDINGS = {"preset": "embeddings"}
CHAT = {"path": "/chat", "inference": {"dialect": "openai-chat"}, "policy": {"default_ttl": "1h", "max_ttl": "6h"}}
ENDPOINT = {"endpoint": "1234567890", "region": "europe-west4", "method": "predict"}
URL = {"url": "https://model.example.com/base", "headers": HEADERS}
REFERENCE = {
    "origin": {"vertex": ENDPOINT},
    "routes": [EMBEDDINGS, CHAT],
    "gateway": {"master_secret": MASTER},
    "custom_domain": {"names": ["cache.example.com"], "certificate": "projects/p/locations/global/certificates/c"},
    "tags": {"team": "search"},
}
LABELS = {"team": "search"}
NAMES = [
    "cache-discovery-document",
    "cache-gateway",
    "cache-gateway-account",
    "cache-gateway-invoker",
    "cache-master-secret",
    "cache-master-secret-reader",
    "cache-master-secret-version",
    "cache-model-caller",
    "cache-model-role",
    "cache-origin-gateway",
    "cache-origin-results",
    "cache-results",
    "cache-results-reader",
    "cache-results-writer",
    "cache-service",
    "cache-source",
    "cache-source-archive",
]
READ, EVERY = ["GET", "HEAD"], ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]


def deployed(preview=False, cloud=None, **args):
    given = {"cloud": "gcp", **REFERENCE, **args}
    return record(lambda: InferenceEdgeCache("cache", given), preview=preview, mocks=CloudMocks(cloud=cloud or Cloud()))


@pytest.fixture(scope="module")
def reference():
    return deployed()


@pytest.fixture(scope="module")
def bucket(reference):
    return reference.one("cache-results").outputs["name"]


@pytest.fixture(scope="module")
def member(reference):
    return reference.one("cache-gateway-account").outputs["member"]


@pytest.fixture(scope="module")
def url(reference):
    return reference.one("cache-gateway").outputs["serviceConfig"]["uri"]


def inputs(recording, name):
    return recording.one(name).inputs


def document_of(recording):
    """The discovery document, which the provider's SDK hides as it does all contents of objects."""
    return parse_edge_config(reveal(inputs(recording, "cache-discovery-document")["content"]).encode())


def generations(recording):
    """Path of a route to its generation, as clients learn it."""
    return {route.path: route.generation for route in document_of(recording).routes}


def variables(recording):
    return inputs(recording, "cache-gateway")["serviceConfig"]["environmentVariables"]


def waits_for(recording, name):
    return {urn.rpartition("::")[2] for urn in recording.one(name).options.depends_on}


# --- The reference ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preview", [False, True])
def test_these_resources_and_no_others(preview):
    assert sorted(child.name for child in deployed(preview).children("cache")) == NAMES


def test_results(reference):
    assert inputs(reference, "cache-results") == {
        "location": "europe-west4",
        "uniformBucketLevelAccess": True,
        "publicAccessPrevention": "enforced",
        "softDeletePolicy": {"retentionDurationSeconds": 0},
        "versioning": {"enabled": False},
        "lifecycleRules": [
            {"action": {"type": "Delete"}, "condition": {"age": 1, "matchesPrefixes": ["chat/~/"]}},
            {"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPrefixes": ["v1/embeddings/~/"]}},
            {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}},
        ],
        "forceDestroy": True,
        "labels": LABELS,
    }


def test_routes_of_as_many_days_share_a_rule():
    rules = inputs(deployed(routes=[EMBEDDINGS, {**EMBEDDINGS, "path": "/e"}]), "cache-results")["lifecycleRules"]
    assert rules[0]["condition"] == {"age": 30, "matchesPrefixes": ["v1/embeddings/~/", "e/~/"]}
    assert len(rules) == 2


def test_results_reader(reference, bucket):
    assert inputs(reference, "cache-results-reader") == {
        "bucket": bucket,
        "role": "roles/storage.objectViewer",
        "member": "serviceAccount:service-456789012345@gcp-sa-mediaedgefill.iam.gserviceaccount.com",
    }


def test_results_writer(reference, bucket, member):
    """Not of the discovery document, which tells clients where to send their API keys."""
    document = f"projects/_/buckets/{bucket}/objects/.well-known/inference-edge-cache.json"
    assert inputs(reference, "cache-results-writer") == {
        "bucket": bucket,
        "role": "roles/storage.objectUser",
        "member": member,
        "condition": {"title": "results", "expression": f'resource.name != "{document}"'},
    }


def test_discovery_document(reference, bucket, url):
    given = dict(inputs(reference, "cache-discovery-document"))
    given.pop("content")
    config = document_of(reference)
    assert [route.path for route in config.routes] == ["/v1/embeddings", "/chat"]
    assert (config.access, config.upload_url) == ("keyed", url)
    assert url.startswith("https://")
    assert given == {
        "bucket": bucket,
        "name": ".well-known/inference-edge-cache.json",
        "contentType": "application/json",
        "cacheControl": "public, max-age=60",
    }


def test_master_secret(reference, member):
    secret = reference.one("cache-master-secret").id
    assert inputs(reference, "cache-master-secret") == {"replication": {"auto": {}}, "labels": LABELS}
    assert inputs(reference, "cache-master-secret-version") == {
        "secret": secret,
        "secretData": Secret(MASTER),
        "deletionPolicy": "ABANDON",  # the one before it counts too, until somebody disables it
    }
    assert inputs(reference, "cache-master-secret-reader") == {
        "secretId": secret,
        "role": "roles/secretmanager.secretAccessor",
        "member": member,
    }


def test_gateway_account(reference):
    given = inputs(reference, "cache-gateway-account")
    assert given == {"accountId": given["accountId"], "description": "What the gateway of cache runs as"}


def test_the_gateway_may_ask_that_one_endpoint_and_do_nothing_else_with_it(reference, member):
    assert inputs(reference, "cache-model-role") == {
        "roleId": inputs(reference, "cache-gateway-account")["accountId"].replace("-", "_"),
        "title": "Gateway of cache",
        "description": "Asks models on Vertex AI",
        "permissions": ["aiplatform.endpoints.predict"],
    }
    assert inputs(reference, "cache-model-caller") == {
        "endpoint": "1234567890",
        "location": "europe-west4",
        "role": reference.one("cache-model-role").outputs["name"],
        "member": member,
    }


def test_the_gateway_is_granted_this_and_nothing_else(reference, member):
    granted = {one.name: one.inputs["role"] for one in reference.resources if one.inputs.get("member") == member}
    assert granted == {
        "cache-results-writer": "roles/storage.objectUser",
        "cache-master-secret-reader": "roles/secretmanager.secretAccessor",
        "cache-model-caller": reference.one("cache-model-role").outputs["name"],
    }


def test_gateway_invoker(reference):
    assert inputs(reference, "cache-gateway-invoker") == {
        "location": "europe-west4",
        "name": reference.one("cache-gateway").outputs["name"],
        "role": "roles/run.invoker",
        "member": "allUsers",
    }


def test_source(reference):
    assert inputs(reference, "cache-source") == {
        "location": "europe-west4",
        "uniformBucketLevelAccess": True,
        "publicAccessPrevention": "enforced",
        "softDeletePolicy": {"retentionDurationSeconds": 0},
        "versioning": {"enabled": False},
        "forceDestroy": True,
        "labels": LABELS,
    }


def test_gateway(reference, bucket):
    archive = reference.one("cache-source-archive")
    master = reference.one("cache-master-secret").id
    account = reference.one("cache-gateway-account").outputs["email"]
    assert inputs(reference, "cache-gateway") == {
        "name": inputs(reference, "cache-gateway-account")["accountId"],
        "location": "europe-west4",
        "description": "The gateway of the edge cache cache",
        "buildConfig": {
            "runtime": "python313",
            "entryPoint": "handle",
            "source": {"storageSource": {"bucket": archive.inputs["bucket"], "object": archive.inputs["name"]}},
        },
        "serviceConfig": {
            "availableCpu": "1",
            "availableMemory": "512Mi",
            "timeoutSeconds": 60,
            "minInstanceCount": 0,
            "maxInstanceCount": 10,
            "maxInstanceRequestConcurrency": 80,
            "environmentVariables": {
                "INFERENCE_EDGE_CACHE_STORE": f"gs://{bucket}",
                "INFERENCE_EDGE_CACHE_MODEL": json.dumps({"vertex": model_on_vertex()}),
                "INFERENCE_EDGE_CACHE_MASTER_SOURCE": f"gcp:{master}/versions/latest",
                "INFERENCE_EDGE_CACHE_MASTER_VERSION": reference.one("cache-master-secret-version").outputs["version"],
                "INFERENCE_EDGE_CACHE_ORIGIN_PROOF": "master",
                "INFERENCE_EDGE_CACHE_UPLOADS": "keyed",
                "INFERENCE_EDGE_CACHE_TIMEOUT": "58",
                "THREADS": "80",
            },
            "serviceAccountEmail": account,
            "ingressSettings": "ALLOW_ALL",
            "allTrafficOnLatestRevision": True,
        },
        "labels": LABELS,
    }


def model_on_vertex(**more):
    usual = {"endpoint": "1234567890", "location": "europe-west4", "method": "predict", "project": "my-project"}
    return dict(sorted({**usual, **more}.items()))


def test_gateway_origin(reference, url):
    host = url.removeprefix("https://")
    assert inputs(reference, "cache-origin-gateway") == {
        "originAddress": host,
        "protocol": "HTTPS",
        "port": 443,
        "maxAttempts": 1,
        "retryConditions": ["CONNECT_FAILURE"],
        "timeout": {
            "connectTimeout": "15s",
            "maxAttemptsTimeout": "30s",
            "readTimeout": "30s",
            "responseTimeout": "60s",
        },
        "originOverrideAction": {
            "urlRewrite": {"hostRewrite": host},
            "headerAction": {
                "requestHeadersToAdds": [
                    {
                        "headerName": "x-inference-edge-cache-origin",
                        "headerValue": Secret(origin_proof(MASTER.encode())),
                        "replace": True,
                    }
                ]
            },
        },
        "labels": LABELS,
    }


@pytest.mark.parametrize(("timeout", "read", "whole"), [(5, "5s", "5s"), (30, "30s", "30s"), (3600, "30s", "120s")])
def test_media_cdn_waits_as_long_as_the_gateway_takes_and_as_it_can(timeout, read, whole):
    recording = deployed(gateway={"master_secret": MASTER, "timeout": timeout})
    given = inputs(recording, "cache-origin-gateway")["timeout"]
    assert (given["readTimeout"], given["responseTimeout"]) == (read, whole)
    assert variables(recording)["INFERENCE_EDGE_CACHE_TIMEOUT"] == str(timeout - 2)


def test_results_origin(reference, bucket):
    """One attempt each, and time for both within the 30 s that Media CDN gives all of them."""
    assert inputs(reference, "cache-origin-results") == {
        "originAddress": f"gs://{bucket}",
        "maxAttempts": 1,
        "failoverOrigin": reference.one("cache-origin-gateway").id,
        "retryConditions": ["CONNECT_FAILURE", "HTTP_5XX", "RETRIABLE_4XX", "NOT_FOUND", "FORBIDDEN"],
        "timeout": {"connectTimeout": "5s", "maxAttemptsTimeout": "30s"},
        "labels": LABELS,
    }


def test_a_shield_stands_before_both():
    recording = deployed(origin_shield="europe-west3")
    for name in ("cache-origin-gateway", "cache-origin-results"):
        assert inputs(recording, name)["flexShielding"] == {"flexShieldingRegions": "EUROPE_WEST3"}


# --- Route rules --------------------------------------------------------------------------------------------------


def rule_of(origin, methods, *, match, kept=None):
    """A route rule without its priority."""
    policy = {"cacheMode": "BYPASS_CACHE"}
    if kept is not None:
        policy = {
            "cacheMode": "CACHE_ALL_STATIC",
            "defaultTtl": "0s",
            "maxTtl": kept,
            "negativeCaching": False,
            "cacheKeyPolicy": {"excludeHost": True, "excludeQueryString": True},
        }
    removed = [{"headerName": "authorization"}, {"headerName": "cookie"}]
    return {
        "matchRules": [match],
        "routeMethods": {"allowedMethods": methods},
        "origin": origin,
        "headerAction": {
            **({} if kept is None else {"requestHeaderToRemoves": removed}),
            "responseHeaderToAdds": [
                {"headerName": "x-cache", "headerValue": "{cdn_cache_status}", "replace": True},
            ],
        },
        "routeAction": {"cdnPolicy": policy, "compressionMode": "AUTOMATIC"},
    }


def rules(recording):
    (matcher,) = inputs(recording, "cache-service")["routing"]["pathMatchers"]
    return sorted(matcher["routeRules"], key=lambda rule: int(rule["priority"]))


def test_three_rules_for_each_route_one_for_the_document_and_one_for_the_rest(reference):
    results, gateway = (reference.one(f"cache-origin-{name}").id for name in ("results", "gateway"))
    current, kept = generations(reference), f"{30 * 86_400}s"
    expected = [
        rule_of(results, READ, match={"fullPathMatch": "/.well-known/inference-edge-cache.json"}, kept=kept),
        rule_of(results, READ, match={"prefixMatch": f"/v1/embeddings/~/{current['/v1/embeddings']}/"}, kept=kept),
        rule_of(gateway, READ, match={"prefixMatch": "/v1/embeddings/~/"}),
        rule_of(gateway, EVERY, match={"fullPathMatch": "/v1/embeddings"}),
        # Its results are too short-lived for the bucket's days: the gateway is the only origin.
        rule_of(gateway, READ, match={"prefixMatch": f"/chat/~/{current['/chat']}/"}, kept=kept),
        rule_of(gateway, READ, match={"prefixMatch": "/chat/~/"}),
        rule_of(gateway, EVERY, match={"fullPathMatch": "/chat"}),
        rule_of(gateway, EVERY, match={"prefixMatch": "/"}),
    ]
    found = [{key: value for key, value in rule.items() if key != "priority"} for rule in rules(reference)]
    assert len(found) == len(expected)
    assert all(rule in found for rule in expected)


def test_the_current_generation_is_tried_before_the_others_and_the_default_route_last(reference):
    (matched,) = zip(*[[next(iter(rule["matchRules"][0].values()))] for rule in rules(reference)], strict=True)
    current = generations(reference)
    for path in ("/v1/embeddings", "/chat"):
        assert matched.index(f"{path}/~/{current[path]}/") < matched.index(f"{path}/~/")
    assert matched[-1] == "/"


def test_pages_are_answered_at_the_edge_before_they_send_a_header_of_ours():
    cors = {"allow_origins": ["https://app.example.com"], "allow_methods": ["GET", "POST"]}
    for rule in rules(deployed(cors=cors)):
        assert "OPTIONS" in rule["routeMethods"]["allowedMethods"]
        assert rule["routeAction"]["corsPolicy"]["allowMethods"] == ["GET", "POST"]


def test_beside_the_gateway_an_endpoint_is_reached_with_its_own_origin():
    direct = {"path": "/v1/models", "policy": {"mode": "bypass"}}
    recording = deployed(origin=URL, routes=[EMBEDDINGS, direct])
    (rule,) = [rule for rule in rules(recording) if rule["matchRules"] == [{"fullPathMatch": "/v1/models"}]]
    assert rule["origin"] == recording.one("cache-origin").id
    assert rule["routeAction"]["urlRewrite"] == {"pathPrefixRewrite": "/base/v1/models"}
    assert all("urlRewrite" not in other["routeAction"] for other in rules(recording) if other is not rule)


# --- Order --------------------------------------------------------------------------------------------------------


def test_the_gateway_comes_first_then_the_service_then_the_document(reference):
    needs = {"results-writer", "master-secret-reader", "master-secret-version", "model-caller", "source-archive"}
    assert {f"cache-{name}" for name in needs} <= waits_for(reference, "cache-gateway")
    assert {"cache-gateway"} <= waits_for(reference, "cache-origin-gateway")
    needs = {"gateway-invoker", "results-reader", "origin-results", "origin-gateway"}
    assert {f"cache-{name}" for name in needs} <= waits_for(reference, "cache-service")
    assert "cache-service" in waits_for(reference, "cache-discovery-document")
    # There is no service agent to grant it to in a project without an origin.
    assert "cache-origin-results" in waits_for(reference, "cache-results-reader")


def test_long_operations_are_waited_for(reference):
    for name, minutes in (("cache-origin-gateway", "120m"), ("cache-origin-results", "120m"), ("cache-service", "60m")):
        assert reference.one(name).options.custom_timeouts == dict.fromkeys(("create", "update", "delete"), minutes)


# --- Source -------------------------------------------------------------------------------------------------------


def test_the_source_is_the_package_as_it_is_installed_and_what_a_build_needs(reference):
    given = inputs(reference, "cache-source-archive")
    assets = given["source"]["assets"]
    written = {name: asset["text"] for name, asset in assets.items() if "text" in asset}
    assert set(written) == {"gateway.json", "main.py", "requirements.txt"}
    config = parse_gateway_config(written["gateway.json"].encode())
    assert {route.path: route.generation for route in config.edge.routes} == generations(reference)
    assert config.edge.upload_url is None  # its own URL is known when it is deployed, and not before
    files = {name: Path(asset["path"]).read_bytes() for name, asset in assets.items() if "path" in asset}
    assert files == archive_files()
    whole = {**files, **{name: text.encode() for name, text in written.items()}}
    assert given["name"] == f"gateway-{digest_of(whole)}.zip"
    assert given["contentType"] == "application/zip"
    assert given["bucket"] == reference.one("cache-source").outputs["name"]


@pytest.mark.parametrize(
    ("change", "other"),
    [
        ({}, False),
        ({"tags": {"team": "other"}}, False),
        ({"gateway": {"master_secret": MASTER[::-1], "memory": 1024}}, False),
        ({"generation": "2"}, True),
        ({"routes": [EMBEDDINGS]}, True),
    ],
)
def test_a_function_is_built_anew_when_its_source_changes_and_only_then(reference, change, other):
    one, two = (inputs(recording, "cache-source-archive") for recording in (reference, deployed(**change)))
    assert (one["name"] != two["name"]) == other
    assert (one["source"] != two["source"]) == other


def test_a_digest_tells_contents_and_names_apart():
    digests = {digest_of(files) for files in ({"a": b"bc"}, {"ab": b"c"}, {"a": b"b", "c": b""}, {"a": b"", "c": b"b"})}
    assert len(digests) == 4
    assert digest_of({"a": b"1", "b": b"2"}) == digest_of({"b": b"2", "a": b"1"})


def test_the_entry_point_is_in_what_is_built(reference, tmp_path):
    """As the buildpack lays it out: main.py at the top, and nothing of this installation but what Google installs."""
    for name, asset in inputs(reference, "cache-source-archive")["source"]["assets"].items():
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(asset["text"].encode() if "text" in asset else Path(asset["path"]).read_bytes())
    script = "import main, inference_edge_cache as p; print(main.handle.__name__, p.__file__)"
    run = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    name, where = run.stdout.split()
    assert name == inputs(reference, "cache-gateway")["buildConfig"]["entryPoint"]
    assert Path(where).is_relative_to(tmp_path)


def test_the_gateway_starts_with_what_it_is_given(reference, monkeypatch):
    """The environment and the configuration, as the function reads them: a key opens the door past the CDN."""
    monkeypatch.setitem(secrets._SOURCES, "gcp", lambda name, environ: [MASTER.encode()])
    config = inputs(reference, "cache-source-archive")["source"]["assets"]["gateway.json"]["text"].encode()
    gateway = gateway_from({**variables(reference), "INFERENCE_EDGE_CACHE_STORE": "memory:"}, config)
    assert gateway.timeout == 58

    def status_of(method, path, *headers):
        return gateway.handle(Request(method=method, path=path, headers=headers), Deadline.after(5)).status

    bearer = ("authorization", f"Bearer {derive_api_key(MASTER.encode(), 'alice').text}")
    proof = ("x-inference-edge-cache-origin", origin_proof(MASTER.encode()))
    assert status_of("GET", "/elsewhere") == 403
    assert status_of("GET", "/elsewhere", proof) == 404
    assert status_of("POST", "/v1/embeddings") == 403
    assert status_of("POST", "/v1/embeddings", bearer) not in (401, 403, 404)


# --- Names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("component", "start"),
    [
        ("cache", "cache-"),
        ("Embeddings", "embeddings-"),
        ("a" * 40, "a" * 21 + "-"),
        ("aaaaaaaaaaaaaaaaaaaa-bbb", "aaaaaaaaaaaaaaaaaaaa-"),
    ],
)
def test_a_short_name_is_one_that_google_takes(component, start):
    name = short_name(component, "project", "stack")
    assert name.startswith(start)
    assert 6 <= len(name) <= 30
    assert name == name.lower()
    assert "--" not in name


def test_a_short_name_is_that_of_one_cache_in_one_stack():
    given = [("a", "p", "s"), ("b", "p", "s"), ("a", "q", "s"), ("a", "p", "t")]
    assert len({short_name(*one) for one in given}) == 4
    assert short_name("a", "p", "s") == short_name("a", "p", "s")


# --- Models and access --------------------------------------------------------------------------------------------


def test_a_model_behind_a_url_is_asked_with_headers_that_are_a_secret():
    recording = deployed(origin=URL)
    names = {child.name for child in recording.children("cache")}
    assert names - set(NAMES) == {f"cache-model-headers{end}" for end in ("", "-reader", "-version")}
    assert set(NAMES) - names == {"cache-model-role", "cache-model-caller"}
    version = recording.one("cache-model-headers-version")
    assert json.loads(version.inputs["secretData"].value) == HEADERS
    assert set(version.inputs) == {"secret", "secretData"}
    given = variables(recording)
    assert given["INFERENCE_EDGE_CACHE_MODEL_HEADERS_SOURCE"] == f"gcp:{version.outputs['name']}"
    assert version.outputs["name"].endswith("/versions/1")
    assert json.loads(given["INFERENCE_EDGE_CACHE_MODEL"]) == {
        "https": {"url": "https://model.example.com/base", "connect_timeout": 5}
    }
    assert inputs(recording, "cache-model-headers-reader") == {
        "secretId": recording.one("cache-model-headers").id,
        "role": "roles/secretmanager.secretAccessor",
        "member": recording.one("cache-gateway-account").outputs["member"],
    }


def test_a_plain_http_model_is_allowed_where_it_is_said():
    origin = {"url": "http://model.example.com", "allow_http": True}
    spec = json.loads(variables(deployed(origin=origin))["INFERENCE_EDGE_CACHE_MODEL"])
    assert spec == {"https": {"url": "http://model.example.com", "connect_timeout": 5, "allow_http": True}}


def test_a_publishers_model_is_asked_by_leave_of_the_project():
    publisher = {"endpoint": "publishers/google/models/text-embedding-005", "region": "global", "method": "predict"}
    recording = deployed(origin={"vertex": publisher})
    assert inputs(recording, "cache-publisher-model-caller") == {
        "project": "my-project",
        "role": recording.one("cache-model-role").outputs["name"],
        "member": recording.one("cache-gateway-account").outputs["member"],
    }
    assert "cache-model-caller" not in {child.name for child in recording.children("cache")}
    assert inputs(recording, "cache-gateway")["location"] == "us-central1"  # the provider's: global is no place


def test_an_endpoint_of_another_project_at_its_own_domain():
    domain = "1.europe-west4-2.prediction.vertexai.goog"
    recording = deployed(origin={"vertex": {**ENDPOINT, "project": "models", "domain": domain}})
    spec = json.loads(variables(recording)["INFERENCE_EDGE_CACHE_MODEL"])
    assert spec == {"vertex": model_on_vertex(project="models", base_url=f"https://{domain}")}
    # A role of one project is of no use in another.
    assert inputs(recording, "cache-model-role")["project"] == "models"
    assert inputs(recording, "cache-model-caller")["project"] == "models"


def test_with_public_access_there_is_no_secret_and_no_guard():
    recording = deployed(gateway={"access": "public"})
    names = {child.name for child in recording.children("cache")}
    assert not [name for name in names if "master-secret" in name]
    assert not set(variables(recording)) & {
        "INFERENCE_EDGE_CACHE_MASTER_SOURCE",
        "INFERENCE_EDGE_CACHE_MASTER_VERSION",
        "INFERENCE_EDGE_CACHE_ORIGIN_PROOF",
        "INFERENCE_EDGE_CACHE_UPLOADS",
    }
    assert "headerAction" not in inputs(recording, "cache-origin-gateway")["originOverrideAction"]
    # Hiding its URL would keep nobody out, and bodies over 16 KiB have no other way.
    assert document_of(recording).upload_url


def test_variables_of_ones_own_never_replace_the_gateways():
    given = variables(deployed(gateway={"master_secret": MASTER, "environment": {"HTTPS_PROXY": "http://p.example"}}))
    assert given["HTTPS_PROXY"] == "http://p.example"
    assert len(given) == 9


def test_sizes():
    said = {"memory": 2048, "concurrency": 20, "min_instances": 1, "max_instances": 3, "region": "us-east1"}
    recording = deployed(gateway={"master_secret": MASTER, **said})
    service = inputs(recording, "cache-gateway")["serviceConfig"]
    assert (service["availableMemory"], service["maxInstanceRequestConcurrency"]) == ("2048Mi", 20)
    assert (service["minInstanceCount"], service["maxInstanceCount"]) == (1, 3)
    assert variables(recording)["THREADS"] == "20"
    for name in ("cache-gateway", "cache-gateway-invoker", "cache-results", "cache-source"):
        assert inputs(recording, name)["location"] == "us-east1"


def test_without_a_region_of_the_provider_one_is_asked_for():
    assert (
        inputs(deployed(origin=URL, cloud=Cloud(gcp_region="asia-east1")), "cache-gateway")["location"] == "asia-east1"
    )
    with pytest.raises(InvalidArgsError) as caught:
        deployed(origin=URL, cloud=Cloud(gcp_region=""))
    assert [problem.path for problem in caught.value.problems] == ["gateway.region"]


def test_overrides_have_the_last_word():
    account = "projects/p/serviceAccounts/builder@p.iam.gserviceaccount.com"
    recording = deployed(overrides={"gateway": {"build_config": {"service_account": account}}})
    assert inputs(recording, "cache-gateway")["buildConfig"]["serviceAccount"] == account
    assert inputs(recording, "cache-gateway")["buildConfig"]["runtime"] == "python313"


# --- APIs ---------------------------------------------------------------------------------------------------------

OF_A_GATEWAY = {"artifactregistry", "cloudbuild", "cloudfunctions", "cloudresourcemanager", "iam", "networkservices"}
OF_A_GATEWAY |= {"run", "storage"}


@pytest.mark.parametrize(
    ("args", "apis"),
    [
        ({}, OF_A_GATEWAY | {"aiplatform", "secretmanager"}),
        ({"origin": URL}, OF_A_GATEWAY | {"secretmanager"}),
        ({"origin": {"url": "https://m.example.com"}, "gateway": {"access": "public"}}, OF_A_GATEWAY),
        ({"origin": URL, "routes": [], "gateway": None}, {"networkservices"}),
        (
            {"origin": URL, "routes": [], "gateway": None, "bucket": {}},
            {"networkservices", "cloudresourcemanager", "storage"},
        ),
    ],
)
@pytest.mark.parametrize("preview", [False, True])
def test_apis_are_enabled_first_and_stay(args, apis, preview):
    given = {"cloud": "gcp", **REFERENCE, "gcp": {"enable_apis": True}, **args}
    given = {key: value for key, value in given.items() if value is not None}
    recording = record(lambda: InferenceEdgeCache("cache", given), preview=preview)
    enabled = {one.name: one.inputs for one in recording.of_type("gcp:projects/service:Service")}
    assert enabled == {
        f"cache-api-{api}": {"service": f"{api}.googleapis.com", "disableOnDestroy": False} for api in apis
    }
    for child in recording.children("cache"):
        if child.name not in enabled:
            assert set(enabled) <= waits_for(recording, child.name), child.name


# --- Secrets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preview", [False, True])
def test_no_secret_is_in_plain_text_anywhere(preview):
    recording = deployed(preview, origin=URL)
    hidden = [MASTER, *HEADERS.values(), origin_proof(MASTER.encode())]
    hidden.remove("search")  # a tag as well
    shown = str([[one.inputs, one.outputs] for one in recording.resources if one.custom])
    plain = str([_without_secrets([one.inputs, one.outputs]) for one in recording.resources])
    assert preview or all(secret in shown for secret in hidden)
    assert not [secret for secret in hidden if secret in plain + str(recording.logs) + str(recording.outputs)]


def _without_secrets(value):
    if isinstance(value, Secret):
        return "<secret>"
    if isinstance(value, dict):
        return {key: _without_secrets(item) for key, item in value.items()}
    return [_without_secrets(item) for item in value] if isinstance(value, list | tuple) else value


def test_a_secret_may_be_known_late_and_is_refused_unseen():
    def program(master):
        gateway = {"master_secret": pulumi.Output.secret(master)}
        InferenceEdgeCache("cache", {"cloud": "gcp", **REFERENCE, "gateway": gateway})

    late = record(lambda: program(MASTER))
    assert inputs(late, "cache-master-secret-version")["secretData"] == Secret(MASTER)
    with pytest.raises(InvalidArgsError) as caught:
        record(lambda: program("hunter2"))
    assert [problem.path for problem in caught.value.problems] == ["gateway.master_secret"]
    assert "hunter2" not in str(caught.value)


# --- Outputs and updates ------------------------------------------------------------------------------------------


def test_outputs(reference):
    component = reference.one("cache")
    assert component.outputs["url"] == "https://cache.example.com"
    assert component.outputs["resultsBucketName"] == reference.one("cache-results").outputs["name"]
    assert component.outputs["configUrl"] == "https://cache.example.com/.well-known/inference-edge-cache.json"


def test_the_resources_are_there_to_be_used():
    found = {}

    def program():
        cache = InferenceEdgeCache("cache", {"cloud": "gcp", **REFERENCE})
        found.update(vars(cache.gcp))

    record(program)
    made = {name for name, resource in found.items() if resource}
    assert {f"cache-{name.replace('_', '-')}" for name in made - {"gateway_origin", "results_origin"}} == set(NAMES) - {
        "cache-origin-gateway",
        "cache-origin-results",
    }
    assert type(found["gateway"]).__name__ == "Function"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"generation": "2"},
            {"cache-discovery-document", "cache-gateway", "cache-service", "cache-source-archive"},
        ),
        (
            {"routes": [{**EMBEDDINGS, "policy": {"default_ttl": "1h", "max_ttl": "30d"}}, CHAT]},
            {"cache-gateway", "cache-source-archive"},
        ),
        (
            {"routes": [EMBEDDINGS, CHAT, {"preset": "rerank"}]},
            {
                "cache-discovery-document",
                "cache-gateway",
                "cache-results",
                "cache-service",
                "cache-source-archive",
            },
        ),
        (
            {"gateway": {"master_secret": MASTER[::-1]}},
            {"cache-master-secret-version", "cache-origin-gateway"},
        ),
    ],
)
def test_an_update_changes_what_it_has_to_and_makes_nothing_anew(reference, change, expected):
    after = deployed(**change)
    before = {one.name: one for one in reference.resources}
    assert {one.name for one in after.resources} == set(before)
    assert {one.name for one in after.resources if one.inputs != before[one.name].inputs} == expected
    for one in after.resources:
        earlier = before[one.name].inputs
        assert all(one.inputs.get(key) == earlier.get(key) for key in ("location", "accountId"))  # they replace
    for name in ("cache-service", "cache-results", "cache-gateway", "cache-origin-results", "cache-origin-gateway"):
        assert after.one(name).id == before[name].id


def test_the_same_program_twice_changes_nothing(reference):
    assert deployed() == reference


def test_a_preview_knows_what_decides_and_not_what_is_made():
    recording = deployed(preview=True)
    assert inputs(recording, "cache-origin-gateway")["originAddress"] == Unknown()
    assert reveal(inputs(recording, "cache-discovery-document")["content"]) == Unknown()
    assert inputs(recording, "cache-source-archive")["name"] == inputs(deployed(), "cache-source-archive")["name"]
    assert inputs(recording, "cache-results")["location"] == "europe-west4"


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"origin": URL, "gcp": {"enable_apis": True}},
        {"origin": URL, "routes": [EMBEDDINGS, {"path": "/v1/*", "policy": {"mode": "bypass"}}], "bucket": {}},
        {"origin": {"vertex": {"endpoint": "publishers/p/models/m", "region": "global", "method": "predict"}}},
        {"routes": [CHAT], "gateway": {"access": "public"}},
        {"cors": {"allow_origins": ["*"]}, "origin_shield": "europe-west3"},
    ],
)
def test_what_is_deployed_breaks_no_rule_of_google(args):
    assert findings(deployed(**args)) == []
