"""The component's own gateway over HTTP, behind an emulated distribution: the model, the bucket, and real clients."""

import json
import shutil
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import httpx2
import openai
import pytest
from aws_emulator.gateways import CHAT, EMBED, VECTOR, at, chat, deployed, embeddings, speaks_openai
from aws_emulator.viewer import ask, served, viewers
from aws_programs import GATEWAYS, MODEL_KEY, PAGE
from model_kit import Exchange, message

from inference_edge_cache.client import EXTENSION, EdgeCacheTransport
from inference_edge_cache.gateway.passing import ORIGIN_PROOF_HEADER
from inference_edge_cache.local import LocalEdge
from inference_edge_cache.policy import INFERENCE_PRESETS
from inference_edge_cache.protocol import derive_api_key
from inference_edge_cache.protocol.keys import origin_proof

STORED, HIT = "inference-edge-cache;fwd=uri-miss;fwd-status=200;stored", "inference-edge-cache;hit"


@pytest.fixture(scope="module")
def model(aws, servers):
    server = servers(aws.certificates.server())
    server.answer = speaks_openai
    return server


@pytest.fixture(scope="module")
def cache(aws, model):
    args = GATEWAYS["a gateway that web pages ask"] | {
        "origin": {"url": f"{at(model)}/base", "headers": {"x-api-key": MODEL_KEY}},
        "routes": [{"preset": "embeddings"}, {"preset": "openai_chat"}],
        "bucket": {"force_destroy": True},
    }
    with deployed(aws, **args) as cache:
        yield cache


@pytest.fixture(scope="module")
def url(cache):
    """Where clients that know nothing of the emulator reach the distribution."""
    with served(cache.viewer) as url:
        yield url


@pytest.fixture
def text(request):
    """A text that no other test asks for, so that each begins with nothing stored."""
    return request.node.name


def counts(cache, model) -> tuple[int, int]:
    """How often the function was run, and the model asked."""
    return cache.invocations(), len(model.seen)


# The cacheable form ---------------------------------------------------------------------------------------------------
def test_the_first_get_runs_the_model_and_the_second_is_read_from_the_bucket(cache, model, text):
    path, payload = cache.path(EMBED, embeddings(text))
    run, asked = counts(cache, model)

    first = cache.get(path, payload)
    assert (first.status, first.headers["cache-status"]) == (200, STORED)
    assert json.loads(first.body)["data"][0]["embedding"] == VECTOR
    assert counts(cache, model) == (run + 1, asked + 1)

    second = cache.get(path, payload)
    assert (second.status, second.body) == (200, first.body)
    assert "cache-status" not in second.headers  # S3 says none
    assert second.headers["x-amz-server-side-encryption"] == "AES256"
    assert cache.viewer.asked[-2:] == ["second", "first"]  # of bucket and gateway
    assert counts(cache, model) == (run + 1, asked + 1)


def test_bucket_and_gateway_say_the_same_of_an_answer(cache, text):
    path, payload = cache.path(EMBED, embeddings(text))
    said = [cache.get(path, payload).headers for _ in range(2)]
    for name in ("etag", "content-type", "content-length", "cache-control"):
        assert said[0][name] == said[1][name], name
    assert all("last-modified" in headers for headers in said)  # S3 may say a second less than when it was written


def test_what_is_stored_is_read_without_a_payload_and_by_head(cache, text):
    path, payload = cache.path(EMBED, embeddings(text))
    first = cache.get(path, payload)
    assert cache.get(path).body == first.body
    found = cache.get(path, method="HEAD")
    assert (found.status, found.body, found.headers["etag"]) == (200, b"", first.headers["etag"])


def test_the_bucket_answers_while_nobody_may_run_the_function(cache, model, text):
    path, payload = cache.path(EMBED, embeddings(text))
    first = cache.get(path, payload)
    client = cache.aws.client("lambda")
    client.put_function_concurrency(FunctionName=cache.function, ReservedConcurrentExecutions=0)
    try:
        asked = len(model.seen)
        assert cache.get(path).body == first.body
        other, its_payload = cache.path(EMBED, embeddings(f"{text}, another"))
        throttled = cache.get(other, its_payload)
        assert (throttled.status, "cache-status" in throttled.headers) == (429, False)
        assert len(model.seen) == asked
    finally:
        client.put_function_concurrency(FunctionName=cache.function, ReservedConcurrentExecutions=50)


def test_boto3_finds_the_answer_under_its_path(cache, text):
    path, payload = cache.path(EMBED, embeddings(text))
    answer = cache.get(path, payload)
    stored = cache.stored(path)
    assert stored["Body"].read() == answer.body
    assert (stored["ContentType"], stored["ETag"]) == ("application/json", answer.headers["etag"])
    assert stored["CacheControl"] == answer.headers["cache-control"] == "public, max-age=0, s-maxage=604800"
    assert stored["ServerSideEncryption"] == "AES256"


def test_a_query_string_neither_reaches_the_gateway_nor_makes_another_answer(cache, model, text):
    path, payload = cache.path(EMBED, embeddings(text))
    asked = len(model.seen)
    assert [cache.get(f"{path}?{n}", payload).status for n in range(2)] == [200, 200]
    assert len(model.seen) == asked + 1


def test_the_model_is_asked_by_the_gateway_alone(cache, model, text):
    path, payload = cache.path(EMBED, embeddings(text))
    headers = {"Inference-Payload": payload, "x-api-key": "mine", "Cookie": "a=b", "X-Forwarded-For": "192.0.2.1"}
    assert cache.viewer.ask(path, headers=headers).status == 200
    seen = model.seen[-1]
    assert (seen.method, seen.target) == ("POST", f"/base{EMBED}")
    assert json.loads(seen.body) == json.loads(embeddings(text))
    assert seen.values("x-api-key") == [MODEL_KEY]
    assert {"cookie", "authorization", "x-forwarded-for", ORIGIN_PROOF_HEADER, "inference-payload"} & {
        name.lower() for name, _ in seen.headers
    } == set()


def test_the_log_says_who_answered_and_neither_body_nor_key_nor_path(cache, text):
    def tiers() -> Counter[str]:
        return Counter(json.loads(line)["tier"] for line in cache.log() if line.startswith("{"))

    path, payload = cache.path(EMBED, embeddings(text))
    before = tiers()
    cache.get(path, payload)
    cache.post(EMBED, embeddings(text))
    assert tiers() - before == Counter(model=1, store=1)
    everything = "\n".join(cache.log())
    for hidden in (text, payload, path.rpartition("/")[2], cache.key().text.rpartition(".")[2], MODEL_KEY):
        assert hidden not in everything


def test_of_callers_at_once_all_get_the_answer_that_is_kept(cache, model, text):
    """Each runs in a process of its own, so the model may be asked by each; one of its answers is kept."""
    count = 4
    together, numbers = threading.Barrier(count), iter(range(count))

    def differs(exchange: Exchange) -> bool:
        together.wait(50)
        found = {"object": "embedding", "index": 0, "embedding": [next(numbers)]}
        exchange.send(message(json.dumps({"object": "list", "model": "e5", "data": [found]}).encode()))
        return True

    model.answer = differs
    try:
        with ThreadPoolExecutor(count) as threads:
            answers = list(threads.map(lambda _: cache.post(EMBED, embeddings(text)), range(count)))
    finally:
        model.answer = speaks_openai
    assert [answer.status for answer in answers] == [200] * count
    assert len({answer.body for answer in answers}) == 1
    assert cache.get(answers[0].headers["content-location"]).body == answers[0].body


# Who is refused -------------------------------------------------------------------------------------------------------
def test_a_path_where_nothing_is_stored_says_what_to_do(cache, text):
    path, _ = cache.path(EMBED, embeddings(text))
    answer = cache.get(path)
    assert (answer.status, json.loads(answer.body)["route"]) == (428, EMBED)
    assert answer.headers["cache-control"] == "no-store"


def test_an_old_generation_says_which_one_counts(cache, text):
    path, payload = cache.path(EMBED, embeddings(text))
    current = cache.config.route(EMBED).generation
    answer = cache.get(path.replace(current, "AAAAAAAAAAAA"), payload)
    assert (answer.status, json.loads(answer.body)["generation"]) == (428, current)


def test_a_payload_of_another_path_is_refused(cache, model, text):
    (path, _), (_, other) = (cache.path(EMBED, embeddings(f"{text} {n}")) for n in range(2))
    asked = len(model.seen)
    answer = cache.get(path, other)
    assert (answer.status, answer.headers["cache-control"]) == (400, "no-store")
    assert len(model.seen) == asked


@pytest.mark.parametrize(
    "key",
    [None, "sk-of-the-provider", derive_api_key(b"another" * 8, "alice").text],
    ids=["none", "the provider's", "of another cache"],
)
def test_a_post_without_a_key_of_this_cache_is_refused(cache, model, text, key):
    asked = len(model.seen)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    answer = cache.viewer.ask(EMBED, "POST", headers=headers, body=embeddings(text))
    assert (answer.status, answer.headers["cache-control"]) == (401, "no-store")
    assert len(model.seen) == asked


def test_tenants_share_nothing(cache, model, text):
    asked = len(model.seen)
    answers = [cache.post(EMBED, embeddings(text), tenant=tenant) for tenant in ("alice", "bob", "alice")]
    assert [answer.headers["cache-status"].partition(";")[2].partition(";")[0] for answer in answers] == [
        "fwd=uri-miss",
        "fwd=uri-miss",
        "hit",
    ]
    assert answers[0].headers["content-location"] != answers[1].headers["content-location"]
    assert len(model.seen) == asked + 2


def test_a_path_of_no_route_is_not_found(cache):
    assert cache.viewer.ask("/v1/models", headers=cache.headers()).status == 404


@pytest.mark.parametrize(
    "proof",
    [None, "", "another", origin_proof(b"another" * 8)],
    ids=["none", "empty", "no proof", "of another cache"],
)
def test_the_functions_own_url_answers_nobody_but_the_distribution(cache, model, text, proof):
    host = cache.made("gateway-url")["functionUrl"].removeprefix("https://").rstrip("/")
    asked = len(model.seen)
    headers = cache.headers() | ({} if proof is None else {ORIGIN_PROOF_HEADER: proof})
    answer = ask(cache.aws, host, EMBED, "POST", headers=headers, body=embeddings(text))
    assert (answer.status, answer.headers["cache-control"]) == (403, "no-store")
    assert len(model.seen) == asked


def test_a_viewer_cannot_bring_a_proof_of_its_own(cache, text):
    answer = cache.post(EMBED, embeddings(text), **{ORIGIN_PROOF_HEADER.replace("-", "_"): "mine"})
    assert answer.status == 200  # it was replaced by CloudFront's


def test_an_answer_is_not_read_from_the_bucket_itself(cache, text):
    path, payload = cache.path(EMBED, embeddings(text))
    assert cache.get(path, payload).status == 200
    for host, asked in {
        f"{cache.bucket}.s3.us-east-1.amazonaws.com": path,
        "127.0.0.1": f"/{cache.bucket}{path}",
    }.items():
        assert ask(cache.aws, host, asked).status == 403


def test_the_distribution_reads_results_and_nothing_else_of_their_bucket(cache):
    """The bucket's policy holds by itself: with every path sent to the bucket, the rest of it stays closed."""
    client, id_ = cache.aws.client("cloudfront"), cache.made("distribution")["id"]
    cache.aws.client("s3").put_object(Bucket=cache.bucket, Key="v1/embeddings/secret", Body=b"x")
    before = client.get_distribution_config(Id=id_)
    changed = json.loads(json.dumps(before["DistributionConfig"]))
    changed["CacheBehaviors"]["Items"][0] |= {"PathPattern": "/*", "TargetOriginId": "results"}
    etag = client.update_distribution(Id=id_, IfMatch=before["ETag"], DistributionConfig=changed)["ETag"]
    try:
        with viewers(cache.aws, id_) as seen:
            assert seen.ask("/.well-known/inference-edge-cache.json").status == 200
            assert seen.ask("/v1/embeddings/secret").status == 403
    finally:
        client.update_distribution(Id=id_, IfMatch=etag, DistributionConfig=before["DistributionConfig"])


# The discovery document, redirects, web pages -------------------------------------------------------------------------
def test_the_discovery_document_is_read_from_the_bucket(cache, model):
    counted = counts(cache, model)
    answer = cache.viewer.ask("/.well-known/inference-edge-cache.json")
    assert (answer.status, answer.headers["cache-control"]) == (200, "public, max-age=60")
    assert [route.path for route in cache.config.routes] == [EMBED, CHAT]
    assert counts(cache, model) == counted


@pytest.mark.parametrize(("method", "status"), [("GET", 301), ("HEAD", 301), ("POST", 307)])
def test_plain_http_is_redirected(cache, model, method, status):
    counted = counts(cache, model)
    answer = cache.viewer.ask(EMBED, method, scheme="http")
    assert answer.status == status
    assert answer.headers["location"] == f"https://{cache.viewer.domain}{EMBED}"
    assert counts(cache, model) == counted


def test_a_web_page_is_told_what_it_may_send_and_reads_the_answer(cache, model, text):
    counted = counts(cache, model)
    asks = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    told = cache.viewer.ask(EMBED, "OPTIONS", headers=asks)
    assert (told.status, told.headers["access-control-allow-origin"]) == (204, PAGE)
    assert "POST" in told.headers["access-control-allow-methods"]
    assert told.headers["access-control-allow-headers"] == "authorization, content-type"
    assert counts(cache, model) == counted
    answer = cache.post(EMBED, embeddings(text), Origin=PAGE)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, PAGE)


def test_another_web_page_is_told_nothing(cache, text):
    other = "https://other.example.com"
    told = cache.viewer.ask(EMBED, "OPTIONS", headers={"Origin": other, "Access-Control-Request-Method": "POST"})
    assert (told.status, "access-control-allow-origin" in told.headers) == (204, False)
    assert "access-control-allow-origin" not in cache.post(EMBED, embeddings(text), Origin=other).headers


def test_files_lie_beside_the_results(cache, model):
    """The bucket of ``bucket`` is another one."""
    counted = counts(cache, model)
    files = cache.made("bucket")["bucket"]
    assert files != cache.bucket
    cache.aws.client("s3").put_object(Bucket=files, Key="artifacts/a.txt", Body=b"a file")
    assert cache.viewer.ask("/artifacts/a.txt").body == b"a file"
    assert counts(cache, model) == counted


# Clients that nobody here wrote ---------------------------------------------------------------------------------------
@pytest.fixture
def sdk(cache, url):
    """The OpenAI SDK, told where and with which key, and nothing else. It goes by way of ``url``."""
    http = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(base_url=f"{url}/v1", api_key=cache.key().text, max_retries=0, http_client=http) as client:
        yield client


def test_the_openai_sdk_asks_the_model_once(cache, model, sdk, text):
    asked = len(model.seen)
    said = [sdk.embeddings.with_raw_response.create(model="e5", input=text) for _ in range(2)]
    assert [answer.parse().data[0].embedding for answer in said] == [VECTOR] * 2
    assert [answer.headers["cache-status"].partition(";ttl=")[0] for answer in said] == [STORED, HIT]
    messages = [{"role": "user", "content": text}]
    said = [
        sdk.chat.completions.with_raw_response.create(model="m", messages=messages, temperature=0, user=name)
        for name in ("a", "b")  # an ignored field
    ]
    assert [answer.parse().choices[0].message.content for answer in said] == ["four"] * 2
    assert [answer.headers["cache-status"].partition(";ttl=")[0] for answer in said] == [STORED, HIT]
    assert len(model.seen) == asked + 2


def test_what_the_openai_sdk_has_stored_is_read_from_the_bucket(cache, model, sdk, text):
    said = sdk.embeddings.with_raw_response.create(model="e5", input=text)
    counted = counts(cache, model)
    answer = cache.get(said.headers["content-location"])
    assert (answer.status, answer.body) == (200, said.content)
    assert (cache.viewer.asked[-1], counts(cache, model)) == ("first", counted)


def test_the_openai_sdk_speaks_to_the_distribution_itself(cache, model, text):
    """Over TLS, with nobody in between. What the emulator is told in headers is in the address elsewhere."""
    asked = len(model.seen)
    http = openai.DefaultHttpxClient(trust_env=False, verify=cache.aws.certificates.client())
    told = {"Host": cache.viewer.domain, "X-Forwarded-Proto": "https"}
    with openai.OpenAI(
        base_url=f"{cache.aws.url}/v1",
        api_key=cache.key().text,
        default_headers=told,
        max_retries=0,
        http_client=http,
    ) as client:
        vectors = [client.embeddings.create(model="e5", input=text).data[0].embedding for _ in range(2)]
        chats = [
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}], seed=1)
            for _ in range(2)
        ]
    assert vectors == [VECTOR] * 2
    assert [chat.choices[0].message.content for chat in chats] == ["four"] * 2
    assert len(model.seen) == asked + 2


def test_a_stream_of_the_openai_sdk_is_replayed(cache, model, sdk, text):
    asked = len(model.seen)
    messages = [{"role": "user", "content": text}]
    for _ in range(2):
        with sdk.chat.completions.create(model="m", messages=messages, temperature=0, stream=True) as stream:
            assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "four"
    assert len(model.seen) == asked + 1


def test_what_is_sampled_is_new_each_time(cache, model, sdk, text):
    asked, kept = len(model.seen), cache.keys()
    for _ in range(2):
        said = sdk.chat.completions.with_raw_response.create(model="m", messages=[{"role": "user", "content": text}])
        assert said.headers["cache-control"] == "no-store"
        assert "not-deterministic" in said.headers["cache-status"]
    assert (len(model.seen), cache.keys()) == (asked + 2, kept)


def test_the_openai_sdk_says_what_a_wrong_key_is(url, text):
    http = openai.DefaultHttpxClient(trust_env=False)
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="sk-of-the-provider", max_retries=0, http_client=http) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.embeddings.create(model="e5", input=text)


@pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: library.__name__)
@pytest.mark.parametrize("more", ["", "x"], ids=["in a header", "too large for one"])
def test_the_transport_reads_the_bucket_after_the_model(cache, model, url, text, library, more):
    """What is too large for a header is POSTed once, and found at its path from then on."""
    body = chat(text + "".join(f"{number**9:x}" for number in range(2_000)) * len(more))
    asked = len(model.seen)
    with library.Client(transport=EdgeCacheTransport(), trust_env=False, timeout=60, headers=cache.headers()) as client:
        said = [client.post(f"{url}{CHAT}", content=body) for _ in range(3)]
    assert [answer.extensions[EXTENSION].tier for answer in said] == ["model", "bucket", "bucket"]
    assert len({answer.content for answer in said}) == 1
    assert len(model.seen) == asked + 1


def test_the_openai_sdk_with_the_transport(cache, model, url, text):
    asked, seen = len(model.seen), []
    with httpx2.Client(
        transport=EdgeCacheTransport(), trust_env=False, event_hooks={"response": [seen.append]}
    ) as http:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=cache.key().text, max_retries=0, http_client=http)
        vectors = [client.embeddings.create(model="e5", input=text).data[0].embedding for _ in range(2)]
    assert vectors == [VECTOR] * 2
    assert [answer.extensions[EXTENSION].tier for answer in seen] == ["model", "bucket"]
    assert len(model.seen) == asked + 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_finds_the_distribution_by_its_name(cache, model, text):
    def curl(path: str, *more: str) -> tuple[str, bytes]:
        address = f"https://{cache.viewer.domain}"
        said = subprocess.run(
            [
                *("curl", "--silent", "--include", "--http1.1", "--noproxy", "*", "--max-time", "60"),
                *("--cacert", str(cache.aws.certificates.authority)),
                *("--connect-to", f"{cache.viewer.domain}:443:127.0.0.1:{cache.aws.port}"),
                *("-H", "X-Forwarded-Proto: https", *more, address + path),
            ],
            capture_output=True,
            check=True,
        )
        head, _, body = said.stdout.partition(b"\r\n\r\n")
        return head.decode().lower(), body

    sent = ("-H", f"Authorization: Bearer {cache.key().text}", "--json", embeddings(text).decode())
    asked = len(model.seen)
    (first, body), (second, again) = (curl(EMBED, *sent) for _ in range(2))
    assert first.startswith("http/1.1 200")
    assert STORED in first
    assert HIT in second
    assert body == again
    assert len(model.seen) == asked + 1


# Caching itself -------------------------------------------------------------------------------------------------------
def test_an_edge_in_front_keeps_what_the_distribution_says(cache, model, url, text):
    """The emulator caches nothing. With the local edge where CloudFront's cache is, the next GET goes no further."""
    policy = INFERENCE_PRESETS["embeddings"].policy
    with (
        LocalEdge(url, policy) as edge,
        httpx.Client(transport=EdgeCacheTransport(), trust_env=False, timeout=60, headers=cache.headers()) as client,
    ):
        tiers = []
        for _ in range(2):
            answer = client.post(f"{edge.url}{EMBED}", content=embeddings(text))
            tiers.append(answer.extensions[EXTENSION].tier)
        counted, reached = counts(cache, model), len(cache.viewer.asked)
        for _ in range(2):
            answer = client.post(f"{edge.url}{EMBED}", content=embeddings(text))
            assert (answer.extensions[EXTENSION].tier, answer.json()["data"][0]["embedding"]) == ("edge", VECTOR)
    assert tiers == ["model", "bucket"]
    assert (counts(cache, model), len(cache.viewer.asked)) == (counted, reached)
