"""Inference routes over real sockets: which tier answers, what reaches the gateway and the model, what is refused."""

import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest
from starlette.responses import Response

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.gateway.store import Result, StoreFailed
from inference_edge_cache.local import LocalEdge
from inference_edge_cache.local.beside import temporary_results
from inference_edge_cache.local.inference import normalized
from inference_edge_cache.policy import CachePolicy
from inference_edge_cache.protocol import DISCOVERY_PATH, derive_api_key, parse_edge_config

HEALTH = "/.well-known/inference-edge-cache/health"
EMBEDDINGS, CHAT = "/v1/embeddings", "/v1/chat/completions"
QUESTION = b'{"model": "e5", "input": "hello"}'
MASTER = b"a master secret that only these tests use"
clouds = pytest.mark.parametrize("cloud", Cloud)


def tier(answer):
    return answer.headers["x-cache"].removesuffix(" from local edge")


def said(answer):
    """The entries of Cache-Status, the tier nearest to the model first."""
    return [entry.strip() for entry in ", ".join(answer.headers.get_list("cache-status")).split(", ")]


def post(client, path=EMBEDDINGS, body=QUESTION, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path, content=body, headers={"content-type": "application/json", **named})


def status_of(client, method, path, body=None):
    """What a path is answered with that httpx would normalize."""
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port, timeout=30)
    with closing(connection):
        connection.request(method, path, body, {"content-type": "application/json"} if body else {})
        return connection.getresponse().status


# Tier by tier --------------------------------------------------------------------------------------------------------
@clouds
@pytest.mark.parametrize(("max_ttl", "behind"), [("30d", "bucket"), ("1d", "bucket"), ("23h", "gateway")])
def test_the_first_get_fills_every_tier(model, inference, tmp_path, cloud, max_ttl, behind):
    route = inference.route("embeddings", default_ttl="1h", max_ttl=max_ttl)
    client = inference(route, cloud=cloud, results=tmp_path / "results")
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)

    filled = client.get(form.path, headers=form.payload)
    assert (filled.status_code, tier(filled)) == (200, "Miss")
    assert said(filled)[0] == "inference-edge-cache;fwd=uri-miss;fwd-status=200;stored"
    assert said(filled)[1].startswith("local-edge; fwd=uri-miss; stored; ttl=3600")

    kept = client.get(form.path)
    assert (tier(kept), kept.content) == ("Hit", filled.content)
    assert said(kept)[-1].startswith("local-edge; hit; ttl=")

    # Another edge location, with nothing in its cache and no payload to ask the model with.
    elsewhere = inference(route, cloud=cloud, results=tmp_path / "results").get(form.path)
    assert (elsewhere.status_code, tier(elsewhere), elsewhere.content) == (200, "Miss", filled.content)
    entries = [entry.partition(";")[0] for entry in said(elsewhere)]
    assert entries == (["local-edge"] if behind == "bucket" else ["inference-edge-cache", "local-edge"])
    for name in ("etag", "last-modified", "content-length", "content-type"):
        assert elsewhere.headers[name] == filled.headers[name]
    assert elsewhere.headers["cache-control"] == "public, max-age=0, s-maxage=3600"
    assert model.calls == 1


@clouds
def test_what_a_post_stored_is_an_edge_hit_for_a_get(model, inference, cloud):
    client = inference("embeddings", cloud=cloud)
    posted = post(client)
    path = posted.headers["content-location"]
    assert path == inference.cacheable(client, EMBEDDINGS, QUESTION).path
    assert [tier(client.get(path)) for _ in range(2)] == ["Miss", "Hit"]
    assert client.get(path).content == posted.content
    assert model.calls == 1


def test_a_repeated_post_is_answered_from_the_store_and_never_by_the_edge(model, inference):
    client = inference("embeddings")
    first, second = post(client), post(client)
    assert (tier(first), tier(second)) == ("Miss", "Miss")
    gateway, edge = said(second)
    assert gateway.startswith("inference-edge-cache;hit;ttl=")
    assert edge == 'local-edge; fwd=method; detail="only GET and HEAD are kept"'
    assert first.content == second.content
    assert model.calls == 1


def test_the_edge_keeps_an_answer_for_the_ttl_and_the_bucket_gives_it_again(model, inference, clock):
    client = inference(inference.route("embeddings", default_ttl="1h", max_ttl="1d"))
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    client.get(form.path, headers=form.payload)
    clock.turn(3590)
    assert tier(client.get(form.path)) == "Hit"
    clock.turn(20)
    assert tier(client.get(form.path)) == "RefreshHit"
    assert model.calls == 1


def test_below_a_day_no_tier_serves_an_answer_past_its_age(model, inference, clock):
    client = inference(inference.route("embeddings", default_ttl="1h", max_ttl="2h"))
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    client.get(form.path, headers=form.payload)
    clock.turn(7000)
    assert client.get(form.path).headers["cache-control"].startswith("public, max-age=0, s-maxage=")
    clock.turn(201)
    gone = client.get(form.path)
    assert (gone.status_code, tier(gone)) == (428, "Error")
    assert client.get(form.path, headers=form.payload).status_code == 200
    assert model.calls == 2


def test_from_a_day_on_the_bucket_serves_an_answer_until_its_whole_days_are_over(model, inference, clock):
    client = inference(inference.route("embeddings", default_ttl="1h", max_ttl="36h"))
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    client.get(form.path, headers=form.payload)
    clock.turn(47 * 3600)
    assert client.get(form.path).status_code == 200
    clock.turn(2 * 3600)
    assert client.get(form.path).status_code == 428
    assert model.calls == 1


def test_a_head_never_asks_the_model(model, inference):
    client = inference("embeddings")
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    assert client.head(form.path, headers=form.payload).status_code == 428
    length = client.get(form.path, headers=form.payload).headers["content-length"]
    head = client.head(form.path)
    assert (head.status_code, head.headers["content-length"], tier(head)) == (200, length, "Hit")
    assert model.calls == 1


def test_a_caller_who_has_the_answer_gets_a_304_from_bucket_and_edge(model, inference, tmp_path):
    first = inference("embeddings", results=tmp_path)
    form = inference.cacheable(first, EMBEDDINGS, QUESTION)
    etag = first.get(form.path, headers=form.payload).headers["etag"]
    for client in (first, inference("embeddings", results=tmp_path)):
        assert client.get(form.path, headers={"if-none-match": etag}).status_code == 304
    assert model.calls == 1


def test_a_range_is_answered_with_all_of_it(model, inference):
    client = inference("embeddings")
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    whole = client.get(form.path, headers={**form.payload, "range": "bytes=0-1"})
    assert (whole.status_code, whole.json()["object"]) == (200, "list")
    assert tier(client.get(form.path, headers={"range": "bytes=0-1"})) == "Hit"


def test_many_who_ask_for_the_same_at_once_cost_one_model_call(model, inference):
    client = inference("embeddings")
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.get(form.path, headers=form.payload), range(16)))
        answers += list(pool.map(lambda _: post(client), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert model.calls == 1


# What reaches whom ---------------------------------------------------------------------------------------------------
def test_the_key_is_the_path_alone_and_only_the_payload_reaches_the_gateway(model, inference):
    client = inference("embeddings")
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    noise = {"authorization": "Bearer mine", "cookie": "a=b", "inference-cache": "refresh", "accept": "text/html"}
    first = client.get(f"{form.path}?a=b", headers={**form.payload, **noise})
    assert (first.status_code, tier(first)) == (200, "Miss")
    assert tier(client.get(form.path, headers={"accept": "a/b"})) == "Hit"
    assert not {"authorization", "cookie", "inference-payload"} & set(model.seen[0].headers)


def test_media_cdn_shows_the_gateway_a_query_which_it_refuses(model, inference):
    client = inference("embeddings", cloud=Cloud.GCP)
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    assert client.get(f"{form.path}?a=b", headers=form.payload).status_code == 400
    assert model.calls == 0


def test_the_model_sees_the_keyed_request_and_the_origin_headers(model, inference):
    client = inference("embeddings", origin_headers={"X-Api-Key": "k"})
    post(client, body=b'{"input":"hello","model":"e5","user":"alice"}', authorization="Bearer mine", x_trace="t")
    (seen,) = model.seen
    assert (seen.target, seen.body, seen.headers["x-api-key"]) == (EMBEDDINGS, b'{"input":"hello","model":"e5"}', "k")
    assert not {"authorization", "x-trace"} & set(seen.headers)


def test_with_public_access_the_callers_own_credential_reaches_the_model_only_when_nothing_is_stored(model, inference):
    client = inference("openai_chat")
    body = {"model": "m", "messages": [{"role": "user", "content": "2+2?"}]}
    sampled = post(client, CHAT, json.dumps(body).encode(), authorization="Bearer mine")
    stored = post(client, CHAT, json.dumps({**body, "temperature": 0}).encode(), authorization="Bearer mine")
    assert [seen.headers.get("authorization") for seen in model.seen] == ["Bearer mine", None]
    assert sampled.headers["cache-control"] == "no-store"
    assert said(sampled)[0] == 'inference-edge-cache;fwd=bypass;fwd-status=200;detail="not-deterministic: temperature"'
    assert "set-cookie" not in stored.headers


def test_the_model_lies_below_the_path_of_the_origin(origin, inference):
    origin.says('{"object": "list"}', content_type="application/json")
    post(inference("embeddings", origin=f"{origin.url}/base"))
    assert origin.seen[0].target == "/base/v1/embeddings"


def test_everything_else_is_the_edge_in_front_of_the_origin(origin, inference):
    origin.says("ok", cache_control="max-age=60")
    client = inference("embeddings")
    for path in ("/v1/models", "/v1/embeddings/", "/v1/embeddings/x", "/.well-known/other"):
        assert [tier(client.get(path)) for _ in range(2)] == ["Miss", "Hit"]
    assert [seen.target for seen in origin.seen] == [
        "/v1/models",
        "/v1/embeddings/",
        "/v1/embeddings/x",
        "/.well-known/other",
    ]


def test_a_route_may_be_the_whole_origin(model, inference):
    client = inference(inference.route("embeddings", "/"))
    assert post(client, "/").headers["content-location"].startswith("/~/")


# Routes of the CDN ---------------------------------------------------------------------------------------------------
@clouds
def test_a_path_without_a_result_names_what_to_do(model, inference, cloud):
    client = inference("embeddings", cloud=cloud)
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    answers = [client.get(form.path) for _ in range(2)]
    assert [(answer.status_code, tier(answer)) for answer in answers] == [(428, "Error")] * 2
    assert answers[0].json()["route"] == EMBEDDINGS
    assert answers[0].headers["cache-control"] == "no-store"
    assert model.calls == 0


def test_an_old_generation_is_a_428_with_the_current_one(model, inference, tmp_path):
    before, after = (inference("embeddings", generation=name, results=tmp_path) for name in ("1", "2"))
    old, new = (inference.cacheable(client, EMBEDDINGS, QUESTION) for client in (before, after))
    before.get(old.path, headers=old.payload)
    answer = after.get(old.path, headers=old.payload)
    assert answer.status_code == 428
    assert answer.json()["generation"] == new.path.split("/")[4]
    assert said(answer) == [
        'inference-edge-cache;detail="old-generation"',
        'local-edge; fwd=bypass; detail="not the current generation"',
    ]
    assert after.get(new.path, headers=new.payload).status_code == 200
    assert model.calls == 2


@pytest.mark.parametrize("what", ["nonsense", "public-scope/short", "public-scope/" + "A" * 43 + "/more", "./x", "%2e"])
def test_below_the_current_generation_only_paths_of_answers_are_looked_for(model, inference, what):
    client = inference("embeddings")
    prefix = inference.cacheable(client, EMBEDDINGS, QUESTION).path.rsplit("/", 2)[0]
    assert status_of(client, "GET", f"{prefix}/{what}") == 404
    assert model.calls == 0


def test_a_payload_of_another_path_is_a_400_that_nobody_keeps(model, inference):
    client = inference("embeddings")
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    other = inference.cacheable(client, EMBEDDINGS, b'{"model": "e5", "input": "other"}')
    forged = client.get(form.path, headers=other.payload)
    assert (forged.status_code, forged.headers["cache-control"]) == (400, "no-store")
    assert client.get(form.path, headers=form.payload).status_code == 200
    assert model.calls == 1


@pytest.mark.parametrize(("cloud", "status"), [(Cloud.AWS, 403), (Cloud.GCP, 405)])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_cacheable_paths_take_get_and_head_alone(model, inference, cloud, status, method):
    client = inference("embeddings", cloud=cloud)
    path = inference.cacheable(client, EMBEDDINGS, QUESTION).path
    for target in (path, path.replace("/~/", "/~/x"), DISCOVERY_PATH):
        answer = client.request(method, target)
        assert (answer.status_code, tier(answer)) == (status, "Error")
        assert answer.headers["allow"] == "GET, HEAD"
    assert model.calls == 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_a_route_passes_every_method_to_the_gateway_which_takes_post(model, inference, method):
    answer = inference("embeddings").request(method, EMBEDDINGS)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert said(answer)[0].startswith("inference-edge-cache;")
    assert model.calls == 0


@clouds
def test_the_discovery_document_is_kept_for_a_minute(model, inference, clock, cloud):
    client = inference("embeddings", "openai_chat", cloud=cloud)
    first = client.get(DISCOVERY_PATH)
    config = parse_edge_config(first.content)
    assert [route.path for route in config.routes] == [EMBEDDINGS, CHAT]
    assert config.access == "public"
    assert (tier(first), tier(client.get(DISCOVERY_PATH))) == ("Miss", "Hit")
    clock.turn(61)
    assert tier(client.get(DISCOVERY_PATH)) == "Miss"


def test_a_document_of_an_earlier_run_is_not_served_for_that_of_this_one(model, inference, tmp_path):
    store = tmp_path / "edge.db"
    documents = [
        parse_edge_config(inference("embeddings", cloud=Cloud.GCP, store=store).get(DISCOVERY_PATH).content)
        for _ in range(2)
    ]
    assert documents[0].upload_url != documents[1].upload_url


def test_health_is_never_kept(model, inference):
    client = inference("embeddings")
    assert [(tier(answer), answer.json()) for answer in (client.get(HEALTH), client.get(HEALTH))] == [
        ("Miss", {"status": "ok"}),
        ("Miss", {"status": "ok"}),
    ]


@pytest.mark.parametrize(
    ("path", "compared"),
    [
        ("/v1/embeddings", "/v1/embeddings"),
        ("/v1/%65mbeddings", "/v1/embeddings"),
        ("/v1//embeddings", "/v1/embeddings"),
        ("/v1/./x/../embeddings", "/v1/embeddings"),
        ("/%76%31/%2e%2E/v1/embeddings", "/v1/embeddings"),
        ("/../v1/embeddings", "/v1/embeddings"),
        ("/v1/embeddings/", "/v1/embeddings/"),
        ("/v1%2Fembeddings", "/v1%2Fembeddings"),
        ("/V1/embeddings", "/V1/embeddings"),
        ("/v1/embeddings/%7E/a", "/v1/embeddings/~/a"),
        ("/", "/"),
        ("//", "/"),
    ],
)
def test_paths_are_compared_as_cdns_compare_them(path, compared):
    assert normalized(path) == compared


def test_another_spelling_of_a_route_leads_around_no_gateway(model, inference):
    client = inference("embeddings", master_secret=MASTER, origin_headers={"x-api-key": "the model's own"})
    for path in ("/v1/%65mbeddings", "/v1//embeddings", "/v1/x/../embeddings"):
        assert status_of(client, "POST", path, QUESTION) in (401, 404)
    assert model.calls == 0


# Access --------------------------------------------------------------------------------------------------------------
def test_with_a_master_secret_callers_need_a_key_and_share_nothing_across_scopes(model, inference):
    client = inference("embeddings", master_secret=MASTER)
    alice, bob = (derive_api_key(MASTER, tenant) for tenant in ("alice", "bob"))
    assert parse_edge_config(client.get(DISCOVERY_PATH).content).access == "keyed"
    for authorization in ({}, {"authorization": "Bearer sk-other"}, {"authorization": f"Bearer {alice.text[:-1]}"}):
        refused = post(client, **authorization)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
    assert model.calls == 0

    for key in (alice, alice, bob):
        assert post(client, authorization=f"Bearer {key.text}").status_code == 200
    assert model.calls == 2
    forms = [inference.cacheable(client, EMBEDDINGS, QUESTION, key) for key in (alice, bob)]
    assert forms[0].path != forms[1].path
    assert client.get(forms[1].path, headers=forms[0].payload).status_code == 200  # its path is the capability
    forged = inference.cacheable(client, EMBEDDINGS, b'{"model": "e5", "input": "guessed"}')
    assert client.get(forged.path, headers=forged.payload).status_code == 400
    assert model.calls == 2


def test_an_api_key_of_the_cache_never_reaches_the_model(model, inference):
    client = inference("openai_chat", master_secret=MASTER)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "2+2?"}]}).encode()
    assert post(client, CHAT, body, authorization=f"Bearer {derive_api_key(MASTER, 'a').text}").status_code == 200
    assert "authorization" not in model.seen[0].headers


# Failures ------------------------------------------------------------------------------------------------------------
@clouds
def test_a_model_that_is_down_is_a_502_and_stored_results_still_answer(model, inference, free_port, tmp_path, cloud):
    options = {"cloud": cloud, "origin": f"http://127.0.0.1:{free_port}", "results": tmp_path}
    client = inference("embeddings", **options)
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    for answer in (post(client), client.get(form.path, headers=form.payload)):
        assert (answer.status_code, answer.headers["cache-control"]) == (502, "no-store")
        assert answer.headers["content-type"] == "application/problem+json"


def test_the_models_own_error_reaches_the_caller_and_is_not_kept(origin, inference):
    origin.says('{"error": "slow down"}', 429, content_type="application/json", retry_after="7")
    client = inference("embeddings")
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    for answer in (post(client), client.get(form.path, headers=form.payload)):
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
        assert answer.headers["cache-control"] == "no-store"
    assert origin.calls == 2


@pytest.fixture
def held(model, origin):
    """A model that answers once ``released`` is set; ``asked`` is when it has been asked."""
    asked, released = threading.Event(), threading.Event()

    def slow(seen):
        asked.set()
        assert released.wait(20)
        return model.answer(seen)

    origin.answer = slow
    yield asked, released
    released.set()


@clouds
def test_a_model_that_is_too_slow_for_the_edge_is_a_504_and_its_answer_is_stored_all_the_same(
    model, held, landed, inference, tmp_path, cloud
):
    client = inference("embeddings", cloud=cloud, origin_timeout=0.3, results=tmp_path)
    form = inference.cacheable(inference("embeddings"), EMBEDDINGS, QUESTION)
    late = [client.get(form.path, headers=form.payload), post(client)]
    assert [(answer.status_code, tier(answer)) for answer in late] == [(504, "Error")] * 2
    assert late[0].json()["detail"] == "the results bucket and the gateway did not answer in time"
    assert late[1].json()["detail"] == "the gateway did not answer in time"
    held[1].set()
    assert landed.wait(20)
    assert inference("embeddings", results=tmp_path).get(form.path).status_code == 200
    assert model.calls == 1


def test_a_caller_who_leaves_stops_nothing(model, held, landed, inference):
    asked, released = held
    client = inference("embeddings")
    path = inference.cacheable(client, EMBEDDINGS, QUESTION).path
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port)
    connection.request("POST", EMBEDDINGS, QUESTION, {"content-type": "application/json"})
    assert asked.wait(20)
    connection.close()
    released.set()
    assert landed.wait(20)
    assert client.get(path).status_code == 200
    assert model.calls == 1


def test_a_results_folder_that_cannot_be_read_is_no_failure(model, inference, tmp_path):
    client = inference("embeddings", results=tmp_path / "results")
    form = inference.cacheable(client, EMBEDDINGS, QUESTION)
    (tmp_path / "results").write_text("in the way")
    answer = client.get(form.path, headers=form.payload)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


# Results -------------------------------------------------------------------------------------------------------------
def test_results_lie_under_their_paths_and_hold_nothing_of_the_request(model, inference, tmp_path):
    client = inference("embeddings", results=tmp_path)
    path = post(client, body=b'{"model": "e5", "input": "secret-prompt"}').headers["content-location"]
    file = tmp_path.joinpath(*path.split("/"))
    assert b"embedding" in file.read_bytes()
    assert not any(b"secret-prompt" in each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())


def test_temporary_results_are_gone_with_their_edge(model, origin, inference, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with LocalEdge(origin.url, CachePolicy(), routes=[inference.route("embeddings")]) as running:
        answer = httpx.post(f"{running.url}{EMBEDDINGS}", content=QUESTION, trust_env=False)
        assert "content-location" in answer.headers
        assert any(path.is_file() and b"embedding" in path.read_bytes() for path in tmp_path.rglob("public-scope/*"))
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_comes_after_the_edge_has_stopped_makes_no_folder_again(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with temporary_results() as store:
        pass
    with pytest.raises(StoreFailed):
        store.put(f"/a/~/{'g' * 12}/{'s' * 12}/{'k' * 43}", Result(b"{}", "application/json", 1), "public")
    assert list(tmp_path.iterdir()) == []


def test_a_refusing_model_is_told_as_it_is(origin, inference):
    origin.answer = lambda seen: Response('{"error": "no"}', 400, media_type="application/json")
    answer = post(inference("embeddings"))
    assert (answer.status_code, answer.json()) == (400, {"error": "no"})
