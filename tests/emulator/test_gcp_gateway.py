"""The gateway of a recorded GCP graph: run as Cloud Run runs it, with Google around it, and Media CDN in front of it.

Its own archive and variables, the Functions Framework, an emulated bucket; every hop is HTTP or TLS.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import httpx2
import openai
import pytest
from gcp_local.cloud_run import Served, served
from gcp_local.edge import LARGEST_BODY, Edge, edge
from gcp_local.google import TOKEN, VECTOR, Google, google
from gcp_programs import MASTER, MODEL_KEY, PROGRAMS
from gcp_rules.graph import BUCKET, FUNCTION, OBJECT, Graph, variables
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
from http_kit import gcs_server

from inference_edge_cache.client import EdgeCacheTransport
from inference_edge_cache.gateway.passing import ORIGIN_PROOF_HEADER
from inference_edge_cache.protocol import DISCOVERY_PATH, derive_api_key

PROGRAM = "a gateway to a model's own API"
EMBEDDINGS = "/v1/embeddings"
RESULTS, GATEWAY = "cache-origin-results", "cache-origin-gateway"
KEY = derive_api_key(MASTER.encode(), "alice").text
SECONDS = 60


@dataclass(frozen=True)
class Deployment:
    """Everything that runs. ``storage`` is a client of the emulated Cloud Storage."""

    graph: Graph
    google: Google
    function: Served
    edge: Edge
    storage: Any

    @property
    def results(self) -> Any:
        (function,) = self.graph.of(FUNCTION)
        return self.storage.bucket(variables(function)["INFERENCE_EDGE_CACHE_STORE"].removeprefix("gs://"))

    def stored(self) -> list[str]:
        return [blob.name for blob in self.results.list_blobs() if not blob.name.startswith(".well-known/")]

    def post(self, text: str, url: str | None = None, **headers: str) -> httpx.Response:
        body = {"model": "e5", "input": text}
        lines = {"authorization": f"Bearer {KEY}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(
            (url or self.edge.url) + EMBEDDINGS, json=body, headers=lines, timeout=SECONDS, trust_env=False
        )

    def sdk(self, key: str = KEY, **http: Any) -> openai.OpenAI:
        client = openai.DefaultHttpxClient(trust_env=False, **http)
        return openai.OpenAI(base_url=f"{self.edge.url}/v1", api_key=key, max_retries=0, http_client=client)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory) -> Iterator[Deployment]:
    """Deployed once: every test asks something that no other asks."""
    with deployed(PROGRAM, tmp_path_factory.mktemp("gcp")) as found:
        yield found


@contextmanager
def deployed(program: str, folder: Path) -> Iterator[Deployment]:
    recording = PROGRAMS[program]()
    graph = Graph(recording)
    with gcs_server() as url, google(recording, folder) as around:
        storage = _storage(graph, url)
        with served(graph, around, url, folder) as function:
            (made,) = graph.of(FUNCTION)
            hosts = {
                one.inputs["originAddress"]: function.url.removeprefix("http://") for one in graph.origins_of(made)
            }
            with edge(graph, hosts, storage) as in_front:
                yield Deployment(graph, around, function, in_front, storage)


def _storage(graph: Graph, url: str) -> Any:
    """Cloud Storage with the buckets of the graph, and the documents that a program has put there."""
    client = Client("my-project", AnonymousCredentials(), client_options={"api_endpoint": url})
    for one in graph.of(BUCKET):
        client.create_bucket(one.outputs["name"])
    for one in graph.of(OBJECT):
        if "content" in one.inputs:
            blob = client.bucket(one.inputs["bucket"]).blob(one.inputs["name"])
            blob.cache_control = one.inputs["cacheControl"]
            blob.upload_from_string(one.inputs["content"], content_type=one.inputs["contentType"])
    return client


@pytest.fixture(autouse=True)
def afresh(deployment):
    """The model answers, and what was asked before is forgotten."""
    deployment.google.answer = (200, None)
    deployment.google.asked_of_model.clear()
    deployment.edge.asked.clear()


def test_the_archive_is_what_runs(deployment):
    """The gateway's configuration lies beside the package that runs, and only the archive has one."""
    names = {path.relative_to(deployment.function.source).as_posix() for path in deployment.function.source.rglob("*")}
    assert {"main.py", "requirements.txt", "gateway.json", "inference_edge_cache/gateway/gateway.py"} <= names
    assert deployment.post("which code").status_code == 200


def test_a_post_is_stored_where_media_cdn_looks_for_it(deployment):
    answer = deployment.post("stored")
    location = answer.headers["content-location"]
    stored = deployment.results.get_blob(location[1:])
    told, type_ = stored.cache_control, stored.content_type  # a download forgets both
    assert answer.status_code == 200
    assert location.startswith(f"{EMBEDDINGS}/~/")
    assert stored.download_as_bytes() == answer.content
    assert (type_, told) == ("application/json", answer.headers["cache-control"])
    assert re.fullmatch(r"public, max-age=\d+, s-maxage=[1-9]\d*.*", told)
    assert deployment.edge.asked == [(GATEWAY, 200)]


def test_a_second_post_is_a_hit(deployment):
    first, second = deployment.post("again"), deployment.post("again")
    assert first.content == second.content
    assert "hit" in second.headers["cache-status"]
    assert len(deployment.google.asked_of_model) == 1


def test_the_model_is_asked_as_the_account_of_the_function(deployment):
    deployment.post("who asks", **{"x-request-id": "1"})
    (asked,) = deployment.google.asked_of_model
    assert asked.host == "us-central1-aiplatform.googleapis.com"
    assert asked.target == "/v1/projects/my-project/locations/us-central1/endpoints/1234567890:rawPredict"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(asked.body) == {"model": "e5", "input": "who asks"}


def test_the_openai_sdk_with_an_api_key_of_the_cache(deployment):
    client = deployment.sdk()
    answers = [client.embeddings.create(model="e5", input=["sdk", "two"]) for _ in range(2)]
    assert [[each.embedding for each in answer.data] for answer in answers] == [[VECTOR, VECTOR]] * 2
    assert len(deployment.google.asked_of_model) == 1


def test_a_stored_answer_is_read_from_the_bucket_by_its_path_alone(deployment):
    posted = deployment.post("curl")
    url = deployment.edge.url + posted.headers["content-location"]
    curl = shutil.which("curl")
    assert curl, "curl is needed"
    got = subprocess.run(
        [curl, "--silent", "--show-error", "--fail", "--noproxy", "*", "--dump-header", "-", url],
        capture_output=True,
        check=True,
        timeout=SECONDS,
        env={"PATH": os.environ["PATH"]},
    ).stdout
    head, _, body = got.partition(b"\r\n\r\n")
    assert body == posted.content
    assert b"cache-control: public, max-age=" in head.lower()
    assert deployment.edge.asked[1:] == [(RESULTS, 200)]
    assert len(deployment.google.asked_of_model) == 1


def test_a_client_transport_asks_by_get_and_fills_the_bucket(deployment):
    """The first GET finds nothing in the bucket and fails over to the gateway; the second is the bucket's."""
    before = deployment.stored()
    with httpx2.Client(
        transport=EdgeCacheTransport(httpx2.HTTPTransport(trust_env=False)),
        timeout=SECONDS,
        trust_env=False,
        headers={"authorization": f"Bearer {KEY}"},
    ) as client:
        body = {"model": "e5", "input": "by GET"}
        answers = [client.post(deployment.edge.url + EMBEDDINGS, json=body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert deployment.edge.asked == [(RESULTS, 200), (RESULTS, 404), (GATEWAY, 200), (RESULTS, 200)]
    assert len(deployment.google.asked_of_model) == 1
    assert len(deployment.stored()) == len(before) + 1


def test_the_discovery_document_names_the_gateway_itself(deployment):
    document = httpx.get(deployment.edge.url + DISCOVERY_PATH, trust_env=False)
    (function,) = deployment.graph.of(FUNCTION)
    assert document.json()["upload_url"] == function.outputs["serviceConfig"]["uri"]
    assert document.headers["cache-control"] == "public, max-age=60"
    assert deployment.edge.asked == [(RESULTS, 200)]


def test_a_key_of_somebody_else_s_is_401(deployment):
    foreign = derive_api_key(b"a master secret of somebody else's, long enough", "alice").text
    for key in (foreign, "sk-of-the-provider"):
        with pytest.raises(openai.AuthenticationError):
            deployment.sdk(key).embeddings.create(model="e5", input="foreign")
    assert deployment.google.asked_of_model == []


def test_a_path_that_nobody_has_asked_for_is_428(deployment):
    known = deployment.post("known").headers["content-location"]
    prefix, _, digest = known.rpartition("/")
    unknown = f"{prefix}/{'A' * len(digest)}"
    answer = httpx.get(deployment.edge.url + unknown, trust_env=False)
    assert answer.status_code == 428
    assert deployment.edge.asked[1:] == [(RESULTS, 404), (GATEWAY, 428)]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("proof", [{}, {ORIGIN_PROOF_HEADER: "a guess of somebody's, who has seen the name alone"}])
def test_who_comes_past_the_edge_is_refused(deployment, proof):
    stored = deployment.post("past the edge").headers["content-location"]
    for path in (stored, DISCOVERY_PATH, EMBEDDINGS, "/"):
        answer = httpx.get(deployment.function.url + path, headers=proof, trust_env=False)
        assert (answer.status_code, answer.headers["cache-control"]) == (403, "no-store")
    assert deployment.post("past the edge", deployment.function.url, authorization="Bearer x").status_code == 403


def test_a_caller_does_not_prove_to_be_the_edge(deployment):
    """What a caller sends under the header's name is replaced on the way."""
    assert deployment.post("pretends", **{ORIGIN_PROOF_HEADER: "anything"}).status_code == 200


def test_an_upload_with_an_api_key_comes_past_the_edge(deployment):
    """What Media CDN does not take is sent to ``upload_url``, and the answer is found by way of the edge."""
    text = "long " * LARGEST_BODY
    assert deployment.post(text).status_code == 413
    uploaded = deployment.post(text, deployment.function.url)
    assert uploaded.status_code == 200
    got = httpx.get(deployment.edge.url + uploaded.headers["content-location"], trust_env=False)
    assert (got.status_code, got.content) == (200, uploaded.content)
    assert deployment.edge.asked == [(RESULTS, 200)]


def test_what_the_model_fails_is_told_and_not_stored(deployment):
    before = deployment.stored()
    deployment.google.answer = (500, {"error": {"message": "out of memory"}})
    failed = deployment.post("fails")
    deployment.google.answer = (200, None)
    again = deployment.post("fails")
    assert (failed.status_code, again.status_code) == (500, 200)
    assert "out of memory" in failed.text
    assert failed.headers["cache-control"] == "no-store"
    assert len(deployment.stored()) == len(before) + 1


def test_a_model_that_the_account_may_not_ask_is_the_gateways_own_failure(deployment):
    """Its 403 is about the gateway, and not about the caller."""
    deployment.google.answer = (403, {"error": {"status": "PERMISSION_DENIED"}})
    assert deployment.post("forbidden").status_code == 502


def test_the_secret_is_read_by_its_latest_version_alone(deployment):
    deployment.post("secret")
    assert {path.rpartition("/")[2] for path in deployment.google.asked_of_secrets} == {"latest:access"}


def test_the_log_is_what_cloud_logging_reads_and_tells_no_secret(deployment):
    """A line for each request, with the fields that the dashboard's metrics are counted by."""
    before = len(_logged(deployment))
    path, _ = (deployment.post("log").headers["content-location"] for _ in range(2))
    lines = _logged(deployment, before + 2)[before:]
    assert [(line["severity"], line["route"], line["tier"]) for line in lines] == [
        ("INFO", EMBEDDINGS, "model"),
        ("INFO", EMBEDDINGS, "store"),
    ]
    assert all({"reason", "latency_ms", "message"} <= line.keys() for line in lines)
    text = deployment.function.log.read_text()
    assert not any(word in text for word in (MASTER, KEY, TOKEN, path, path.rpartition("/")[2]))


def _logged(deployment: Deployment, count: int = 0) -> list[Any]:
    """What the function has printed, as soon as there are ``count`` lines of it."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        lines = deployment.function.log.read_text().splitlines()
        if len(lines) >= count:
            return [json.loads(line) for line in lines]
        time.sleep(0.02)
    raise AssertionError(f"fewer than {count} lines")


def test_the_headers_of_an_https_model_are_those_of_their_secret(tmp_path):
    """The API key of the cache stays here, and the model's own is added: it is in Secret Manager alone."""
    with deployed("a gateway to an https model", tmp_path) as there:
        answer = there.post("elsewhere")
        (asked,) = there.google.asked_of_model
        versions = {path.rpartition("/")[2] for path in there.google.asked_of_secrets}
    assert (answer.status_code, answer.json()["data"][0]["embedding"]) == (200, VECTOR)
    assert (asked.target, asked.headers["x-api-key"]) == ("/base/v1/embeddings", MODEL_KEY)
    assert "authorization" not in asked.headers
    assert versions == {"latest:access", "1:access"}


def test_with_public_access_nobody_needs_a_key_and_nobody_proves_anything(tmp_path):
    with deployed("a gateway for everybody", tmp_path) as there:
        answers = [there.post("anybody", url, authorization="Bearer any") for url in (None, there.function.url)]
        asked = len(there.google.asked_of_model)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert asked == 1
    assert there.google.asked_of_secrets == []
