"""What an edge with inference routes refuses to start with, and how it stops."""

import logging
import threading
from contextlib import suppress

import httpx
import pytest

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.inference_rules import InferenceRoute
from inference_edge_cache.local import LocalEdge, LocalEdgeError, background, edge_app
from inference_edge_cache.policy import INFERENCE_PRESETS, CacheKey, CachePolicy, InferencePolicy
from inference_edge_cache.protocol import DISCOVERY_PATH, parse_edge_config

MASTER = b"a master secret that only these tests use"
EMBEDDINGS = INFERENCE_PRESETS["embeddings"]
ROUTE = InferenceRoute(path=EMBEDDINGS.path, policy=EMBEDDINGS.policy, inference=EMBEDDINGS.inference)


def route(path=EMBEDDINGS.path, inference=EMBEDDINGS.inference, **policy):
    return InferenceRoute(
        path=path, policy=CachePolicy.from_dict({**EMBEDDINGS.policy.to_dict(), **policy}), inference=inference
    )


def test_every_problem_of_every_policy_is_told_at_once():
    routes = [
        route(default_ttl="60d"),
        route("/v1/rerank/", key={"headers": ["x-tenant"]}),
        route(inference=InferencePolicy(dialect="openai-embeddings", key_headers=["authorization"])),
    ]
    with pytest.raises(LocalEdgeError) as refused:
        edge_app("http://h", CachePolicy(default_ttl="2d"), Cloud.AWS, routes=routes)
    assert str(refused.value).startswith("the edge has 6 problems:\n  policy.default_ttl = 172800\n")
    assert [problem.path for problem in refused.value.problems] == [
        "policy.default_ttl",
        "routes[0].policy.default_ttl",
        "routes[1].path",
        "routes[1].policy.key.headers",
        "routes[2].path",
        "routes[2].inference.key_headers",
    ]


@pytest.mark.parametrize("path", ["", "v1", "/v1/", "/v1//a", "/v1/~/a", "/v1/a b", "/v1/../a", "/v1/*"])
def test_a_path_that_can_be_no_route(path):
    with pytest.raises(LocalEdgeError, match=r"routes\[0\]\.path"):
        edge_app("http://h", CachePolicy(), routes=[route(path)])


@pytest.mark.parametrize("field", ["stale_while_revalidate", "stale_if_error"])
def test_stale_answers_are_said_by_the_gateway_which_cloudfront_honours_and_media_cdn_does_not(field):
    stale = route(**{field: "1m"})
    edge_app("http://h", CachePolicy(), Cloud.AWS, routes=[stale])
    with pytest.raises(LocalEdgeError) as refused:
        edge_app("http://h", CachePolicy(), Cloud.GCP, routes=[stale])
    assert [(problem.path, problem.kind) for problem in refused.value.problems] == [
        (f"routes[0].policy.{field}", "unsupported")
    ]


def test_a_key_with_a_header_is_the_origins_alone():
    keyed = CachePolicy(key=CacheKey(headers=["x-model"]))
    edge_app("http://h", keyed, routes=[ROUTE])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"results": "somewhere"}, "results"),
        ({"master_secret": MASTER}, "master_secret"),
        ({"generation": "2", "results": "somewhere"}, "results and generation"),
    ],
)
def test_what_means_nothing_without_a_route_is_refused(options, named):
    with pytest.raises(LocalEdgeError, match=f"^{named}: mean") as refused:
        edge_app("http://h", CachePolicy(), **options)
    assert "secret that" not in str(refused.value)


def test_a_master_secret_that_is_too_short_is_refused_and_not_repeated():
    with pytest.raises(LocalEdgeError, match="needs at least 32") as refused:
        edge_app("http://h", CachePolicy(), routes=[ROUTE], master_secret=b"too-short-a-secret")
    assert "too-short" not in str(refused.value)


def test_a_header_that_the_gateway_cannot_send_is_refused_and_not_repeated():
    with pytest.raises(LocalEdgeError, match="accept-encoding") as refused:
        edge_app("http://h", CachePolicy(), routes=[ROUTE], origin_headers={"accept-encoding": "hidden-value"})
    assert "hidden-value" not in str(refused.value)


def test_a_folder_that_can_hold_no_results(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for path in (file, file / "below"):
        with pytest.raises(LocalEdgeError, match=f"cannot hold results: {file} is no directory"):
            edge_app("http://h", CachePolicy(), routes=[ROUTE], results=path)


def test_a_folder_for_results_is_made_with_the_first_of_them(model, inference, tmp_path):
    folder = tmp_path / "new" / "results"
    client = inference(ROUTE, results=folder)
    assert not folder.exists()
    client.post(ROUTE.path, json={"model": "e5", "input": "hello"})
    assert folder.exists()


def test_nothing_shows_the_master_secret(model, origin, caplog):
    caplog.set_level(logging.DEBUG)
    with LocalEdge(origin.url, CachePolicy(), routes=[ROUTE], master_secret=MASTER) as edge:
        answers = [httpx.get(f"{edge.url}{path}", trust_env=False) for path in (DISCOVERY_PATH, ROUTE.path, "/a")]
        answers.append(httpx.post(f"{edge.url}{ROUTE.path}", content=b"{}", trust_env=False))
        shown = [repr(edge), str(vars(edge)), caplog.text]
        shown += [answer.text + str(answer.headers) for answer in answers]
    assert not any(MASTER.decode() in text for text in shown)


def test_the_gateways_own_url_is_media_cdns_alone_and_ends_with_the_edge(model, origin):
    with LocalEdge(origin.url, CachePolicy(), Cloud.AWS, routes=[ROUTE]) as edge:
        assert edge.upload_url is None
    edge = LocalEdge(origin.url, CachePolicy(), Cloud.GCP, routes=[ROUTE])
    assert edge.upload_url is None
    with edge:
        document = httpx.get(f"{edge.url}{DISCOVERY_PATH}", trust_env=False).content
        assert parse_edge_config(document).upload_url == edge.upload_url
        assert httpx.get(f"{edge.upload_url}{DISCOVERY_PATH}", trust_env=False).content == document
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{edge.upload_url}{DISCOVERY_PATH}", trust_env=False)
    assert not [thread for thread in threading.enumerate() if thread.name in ("local-edge", "local-gateway")]


@pytest.mark.parametrize("cloud", Cloud)
def test_an_edge_stops_while_its_model_is_still_at_work(model, origin, monkeypatch, cloud):
    monkeypatch.setattr(background, "_SECONDS_TO_STOP", 0)
    asked, released = threading.Event(), threading.Event()

    def slow(seen):
        asked.set()
        assert released.wait(20)
        return model.answer(seen)

    origin.answer = slow
    try:
        with LocalEdge(origin.url, CachePolicy(), cloud, routes=[ROUTE]) as edge:
            url = f"{edge.upload_url or edge.url}{ROUTE.path}"
            ask = threading.Thread(target=_ask, args=(url,))
            ask.start()
            assert asked.wait(20)
        assert not [thread for thread in threading.enumerate() if thread.name in ("local-edge", "local-gateway")]
    finally:
        released.set()
    ask.join()


def _ask(url):
    with suppress(httpx.TransportError):  # the edge leaves
        httpx.post(url, content=b'{"model": "e5", "input": "hello"}', trust_env=False, timeout=30)
