"""What each cloud refuses for its size, at the edge or at the bucket behind it."""

import json
import threading

import httpx
import pytest

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.gateway.messages import Response
from inference_edge_cache.local.background import Background, listen, url_of
from inference_edge_cache.local.uploads import uploads_app
from inference_edge_cache.protocol import DISCOVERY_PATH, parse_edge_config

EMBEDDINGS = "/v1/embeddings"
QUESTION = b'{"model": "e5", "input": "hello"}'


def question(size):
    """A body of ``size`` bytes."""
    body = {"model": "e5", "input": ""}
    return json.dumps({**body, "input": "x" * (size - len(json.dumps(body)))}).encode()


def post(client, body):
    return client.post(EMBEDDINGS, content=body, headers={"content-type": "application/json"})


@pytest.mark.parametrize(
    ("cloud", "within", "beyond", "status"),
    [(Cloud.AWS, 32_000, 32_768, 494), (Cloud.GCP, 15_500, 16_384, 431)],
)
def test_headers_that_are_too_large_are_refused_at_the_edge(model, inference, cloud, within, beyond, status):
    client = inference("embeddings", cloud=cloud)
    path = inference.cacheable(client, EMBEDDINGS, QUESTION).path
    for target in (path, EMBEDDINGS, DISCOVERY_PATH, path.replace("/~/", "/~/x")):
        assert client.get(target, headers={"x-filler": "a" * within}).status_code != status
        refused = client.get(target, headers={"x-filler": "a" * beyond})
        assert (refused.status_code, refused.headers["x-cache"]) == (status, "Error from local edge")
        assert f"at most {beyond:,} bytes of headers" in refused.json()["detail"]
    assert model.calls == 0


def test_a_url_that_is_too_long_for_cloudfront_is_a_414(model, inference):
    client = inference("embeddings")
    fits = 8_192 - len(EMBEDDINGS) - len("?a=")
    assert client.get(f"{EMBEDDINGS}?a={'x' * fits}").status_code == 405
    assert client.get(f"{EMBEDDINGS}?a={'x' * (fits + 1)}").status_code == 414


def test_other_paths_know_no_limits(origin, inference):
    client = inference("embeddings")
    assert client.get("/a", headers={"x-filler": "a" * 33_000}).status_code == 200


def test_s3_refuses_more_than_8_kib_of_headers_and_the_gateway_is_not_asked(model, inference):
    client = inference("embeddings")
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    long = client.get(form.path, headers={"inference-payload": "a" * 7_000})
    assert (long.status_code, long.headers["content-type"]) == (400, "application/problem+json")
    refused = client.get(form.path, headers={"inference-payload": "a" * 8_192})
    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/xml")
    assert "RequestHeaderSectionTooLarge" in refused.text
    assert refused.headers["cache-status"].startswith("local-edge;")
    assert client.get(form.path, headers=form.payload).status_code == 200
    assert model.calls == 1


@pytest.mark.parametrize(
    ("cloud", "routes"),
    [(Cloud.GCP, {}), (Cloud.AWS, {"default_ttl": "1h", "max_ttl": "2h"})],
    ids=["GCS", "no bucket"],
)
def test_without_s3_a_long_payload_is_the_gateways_to_refuse(model, inference, cloud, routes):
    client = inference(inference.route("embeddings", **routes), cloud=cloud)
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    refused = client.get(form.path, headers={"inference-payload": "a" * 8_192})
    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize(
    ("cloud", "most", "who"),
    [(Cloud.AWS, 6 * 1024 * 1024, "the gateway's Lambda function"), (Cloud.GCP, 16 * 1024, "Media CDN")],
)
def test_a_body_that_is_too_large_for_the_edge_is_a_413(model, inference, cloud, most, who, chunked):
    client = inference("embeddings", cloud=cloud)
    body = question(most + 1)
    refused = post(client, iter([body]) if chunked else body)
    assert refused.status_code == 413
    assert refused.json()["detail"].startswith(f"{who} takes at most {most:,} bytes of body")
    assert model.calls == 0
    assert post(client, question(most)).status_code == 200


def test_on_media_cdn_a_large_body_goes_to_the_gateway_itself(model, inference):
    client = inference("embeddings", cloud=Cloud.GCP)
    url = parse_edge_config(client.get(DISCOVERY_PATH).content).upload_url
    body = question(100_000)
    assert post(client, body).json()["detail"].endswith(f": POST it to {url}{EMBEDDINGS}")
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as uploads:
        first, second = post(uploads, body), post(uploads, body)
        assert [answer.headers["cache-status"].partition(";")[2][:8] for answer in (first, second)] == [
            "fwd=uri-",
            "hit;ttl=",
        ]
        assert "x-cache" not in first.headers
        path = first.headers["content-location"]
        assert uploads.get(path).content == first.content
        passed = post(uploads, question(5 * 1024 * 1024 + 1))
        assert passed.headers["cache-status"].startswith(
            'inference-edge-cache;fwd=bypass;fwd-status=200;detail="too-large'
        )
        assert post(uploads, question(32 * 1024 * 1024 + 1)).status_code == 413
    assert client.get(path).content == first.content
    assert model.calls == 2


def test_on_cloudfront_there_is_no_other_url(model, inference):
    client = inference("embeddings", cloud=Cloud.AWS)
    assert parse_edge_config(client.get(DISCOVERY_PATH).content).upload_url is None


@pytest.mark.parametrize(("cloud", "status"), [(Cloud.AWS, 403), (Cloud.GCP, 400)])
def test_a_get_with_a_body_is_refused_as_by_the_cloud(model, inference, cloud, status):
    client = inference("embeddings", cloud=cloud)
    path = inference.cacheable(client, EMBEDDINGS, QUESTION).path
    for target in (path, EMBEDDINGS, path.replace("/~/", "/~/x")):
        assert client.request("GET", target, content=b"{}").status_code == status


def test_the_gateways_own_url_waits_as_long_as_the_gateway_may_take():
    released = threading.Event()

    def slow(request):
        assert released.wait(20)
        return Response(status=200, headers=())

    listener = listen(0)
    url = url_of(listener.getsockname()[1])
    server = Background(uploads_app(slow, 0.05, 100), "local-gateway")
    server.start(listener)
    try:
        late = httpx.post(f"{url}{EMBEDDINGS}", content=QUESTION, trust_env=False)
    finally:
        released.set()
        server.stop()
    assert (late.status_code, late.json()["detail"]) == (504, "the gateway did not answer in time")
    assert late.headers["cache-control"] == "no-store"
