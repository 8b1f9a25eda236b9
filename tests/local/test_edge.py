"""The edge over real sockets: what is kept, for whom, for how long, and what passes through."""

import asyncio
import gzip
import hashlib
import os
import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import httpx
import pytest
from http_kit import free_port
from starlette.responses import Response, StreamingResponse

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.local.store import Store
from inference_edge_cache.policy import CacheKey, CachePolicy

BIG = random.Random(1).randbytes(5_000_000)
clouds = pytest.mark.parametrize("cloud", Cloud)


def tier(answer):
    """The first word of X-Cache."""
    return answer.headers["x-cache"].removesuffix(" from local edge")


def echo(seen):
    """An answer that tells every request apart, which anyone may keep."""
    return Response(f"{seen.method} {seen.target}", headers={"cache-control": "public, max-age=60"})


# Hits and misses -----------------------------------------------------------------------------------------------------
@clouds
def test_the_second_caller_gets_the_answer_of_the_first(origin, edge, cloud):
    origin.says('{"v": 1}', content_type="application/json", cache_control="public, max-age=60", etag='"1"')
    client = edge(cloud=cloud)
    first, second = client.get("/v1/embed?text=a"), client.get("/v1/embed?text=a")
    assert (tier(first), tier(second)) == ("Miss", "Hit")
    assert first.content == second.content == b'{"v": 1}'
    assert origin.calls == 1


def test_a_hit_carries_the_origins_own_headers_and_an_age(origin, edge, clock):
    origin.says("ok", cache_control="max-age=60, s-maxage=90", vary="x-a", expires="0", etag='"1"', x_model="e5")
    client = edge()
    first = client.get("/a")
    clock.turn(7)
    second = client.get("/a")
    assert "age" not in first.headers
    assert second.headers["age"] in ("7", "8")
    for name in ("cache-control", "vary", "expires", "etag", "x-model", "date", "content-length"):
        assert second.headers[name] == first.headers[name]
    assert second.headers["cache-control"] == "max-age=60, s-maxage=90"


def test_an_answer_says_why_it_is_kept_or_not(origin, edge):
    origin.says("ok", cache_control="max-age=60")
    client = edge()
    assert client.get("/a").headers["cache-status"] == (
        """local-edge; fwd=uri-miss; stored; ttl=60; detail="the origin's max-age=60\""""
    )
    assert client.get("/a").headers["cache-status"].startswith("local-edge; hit; ttl=")
    origin.says("ok", cache_control="no-store")
    assert client.get("/b").headers["cache-status"] == (
        'local-edge; fwd=uri-miss; ttl=0; detail="the origin says no-store"'
    )
    assert client.post("/b").headers["cache-status"] == ('local-edge; fwd=method; detail="only GET and HEAD are kept"')


def test_a_reason_that_quotes_the_origin_cannot_break_the_header(origin, edge):
    origin.says("ok", content_type='text/x"y\\z', cache_control="public")
    assert """detail="Media CDN keeps text/x'yz only""" in edge(cloud=Cloud.GCP).get("/a").headers["cache-status"]


def test_an_answer_lives_as_long_as_the_policy_says(origin, edge, clock):
    origin.says("ok")
    client = edge(CachePolicy(default_ttl="10m"))
    client.get("/a")
    clock.turn(590)
    assert tier(client.get("/a")) == "Hit"
    clock.turn(20)
    assert tier(client.get("/a")) == "Miss"
    assert origin.calls == 2


def test_an_answer_without_a_date_gets_one(origin, edge):
    # uvicorn always adds Date, so this origin is a bare socket.
    url = scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: max-age=60\r\n\r\nok")
    client = edge(origin=url)
    assert parsedate_to_datetime(client.get("/a").headers["date"]).year >= 2026
    assert tier(client.get("/a")) == "Hit"


@clouds
def test_an_origin_with_a_wrong_clock_is_kept_as_long_as_any_other(origin, edge, clock, cloud):
    origin.says("ok", cache_control="public, max-age=60", date="Mon, 01 Jan 2001 00:00:00 GMT")
    client = edge(cloud=cloud)
    client.get("/a")
    clock.turn(50)
    second = client.get("/a")
    assert tier(second) == "Hit"
    assert "Mon, 01 Jan 2001 00:00:00 GMT" in second.headers["date"]
    clock.turn(15)
    assert tier(client.get("/a")) == "Miss"


# The key -------------------------------------------------------------------------------------------------------------
@clouds
def test_no_two_requests_that_differ_in_their_key_share_an_answer(origin, edge, cloud):
    origin.answer = echo
    client = edge(cloud=cloud)
    targets = ["/a", "/A", "/a/", "/b", "/a?x=1", "/a?x=2", "/a?x=1&y=2", "/a?x=1%26y=2", "/a?x=1&x=2", "/a?x=2&x=1"]
    for _ in range(2):
        for target in targets:
            assert client.get(target).text == f"GET {target}"
    assert origin.calls == len(targets)


@clouds
def test_an_unkeyed_parameter_does_not_split_the_cache(origin, edge, cloud):
    origin.answer = echo
    client = edge(CachePolicy(key=CacheKey(query_only=["text"])), cloud)
    assert [tier(client.get(f"/a?text=x&trace={n}")) for n in range(3)] == ["Miss", "Hit", "Hit"]


def test_cloudfront_does_not_show_the_origin_what_is_not_keyed_and_media_cdn_does(origin, edge):
    origin.answer = echo
    policy = CachePolicy(key=CacheKey(query_only=["text"]))
    assert edge(policy, Cloud.AWS).get("/a?text=x&trace=1").text == "GET /a?text=x"
    assert edge(policy, Cloud.GCP).get("/a?text=x&trace=1").text == "GET /a?text=x&trace=1"


@clouds
def test_a_keyed_header_and_a_keyed_cookie_tell_callers_apart(origin, edge, cloud):
    origin.answer = lambda seen: Response(
        f"{seen.headers.get('x-model')} {seen.headers.get('cookie')}", headers={"cache-control": "public, max-age=60"}
    )
    client = edge(CachePolicy(key=CacheKey(headers=["x-model"], cookies=["plan"])), cloud)
    callers = [{"x-model": "a"}, {"x-model": "b"}, {"cookie": "plan=pro"}, {"cookie": "plan=free"}, {}]
    answers = [client.get("/a", headers=headers).text for headers in callers]
    assert answers == ["a None", "b None", "None plan=pro", "None plan=free", "None None"]
    assert [client.get("/a", headers=headers).text for headers in callers] == answers
    assert origin.calls == len(callers)


@clouds
def test_the_path_reaches_the_origin_as_it_stood_on_the_wire(origin, edge, cloud):
    origin.answer = echo
    client = edge(cloud=cloud)
    for target in ("/a%2Fb", "/a/b", "/%C3%BC?q=%20+%2B"):
        assert client.get(target).text == f"GET {target}"


def test_an_origin_below_a_path(origin, edge):
    origin.answer = echo
    assert edge(origin=f"{origin.url}/base/").get("/a?x=1").text == "GET /base/a?x=1"


# Who is asking -------------------------------------------------------------------------------------------------------
@clouds
def test_authorization_never_makes_an_answer_that_others_get(origin, edge, cloud):
    origin.answer = lambda seen: Response(
        f"for {seen.headers.get('authorization')}", headers={"cache-control": "public, max-age=60"}
    )
    client = edge(cloud=cloud)
    assert client.get("/a", headers={"authorization": "Bearer alice"}).text == "for None"
    assert client.get("/a", headers={"authorization": "Bearer bob"}).text == "for None"


@clouds
def test_an_unkeyed_cookie_never_makes_an_answer_that_others_get(origin, edge, cloud):
    origin.answer = lambda seen: Response(
        f"for {seen.headers.get('cookie')}", headers={"cache-control": "public, max-age=60"}
    )
    client = edge(cloud=cloud)
    assert client.get("/a", headers={"cookie": "session=alice"}).text == "for None"
    assert client.get("/a", headers={"cookie": "session=bob"}).text == "for None"


def numbered_cookies(origin):
    numbers = iter(range(100))
    origin.answer = lambda seen: Response(
        "ok", headers={"cache-control": "public, max-age=60", "set-cookie": f"session={next(numbers)}"}
    )


def test_media_cdn_keeps_no_answer_that_sets_a_cookie(origin, edge):
    numbered_cookies(origin)
    client = edge(CachePolicy(mode="force", default_ttl="1h"), Cloud.GCP)
    assert [client.get("/a").headers["set-cookie"] for _ in range(2)] == ["session=0", "session=1"]


@pytest.mark.parametrize("key", [CacheKey(), CacheKey(cookies=["plan"])], ids=["no cookie keyed", "a cookie keyed"])
def test_on_cloudfront_no_cached_route_sets_a_cookie(origin, edge, key):
    numbered_cookies(origin)
    client = edge(CachePolicy(key=key), Cloud.AWS)
    answers = [client.get("/a", headers={"cookie": "plan=pro"}) for _ in range(2)]
    assert [tier(answer) for answer in answers] == ["Miss", "Hit"]
    assert not any("set-cookie" in answer.headers for answer in answers)


@clouds
def test_a_private_answer_is_never_shared(origin, edge, cloud):
    origin.says("mine", cache_control="private, max-age=60")
    client = edge(cloud=cloud)
    assert [tier(client.get("/a")) for _ in range(2)] == ["Miss", "Miss"]


# Other methods and policies that keep nothing ------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@clouds
def test_other_methods_pass_through_uncached(origin, edge, cloud, method):
    origin.answer = lambda seen: Response(
        seen.method.encode() + b" " + seen.body + b" " + seen.headers["authorization"].encode(),
        headers={"cache-control": "public, max-age=60", "set-cookie": "a=b"},
    )
    client = edge(cloud=cloud)
    for _ in range(2):
        answer = client.request(method, "/a?b=1", content=b"{}", headers={"authorization": "me", "cookie": "c=d"})
        assert answer.text == f"{method} {{}} me"
        assert tier(answer) == "Miss"
        assert answer.headers["set-cookie"] == "a=b"
    assert [seen.target for seen in origin.seen] == ["/a?b=1", "/a?b=1"]
    assert origin.seen[0].headers["cookie"] == "c=d"


def test_a_post_does_not_fill_the_cache_for_a_get(origin, edge):
    origin.answer = echo
    client = edge()
    client.post("/a")
    assert client.get("/a").text == "GET /a"


def test_a_request_body_is_streamed_byte_for_byte(origin, edge):
    origin.answer = lambda seen: Response(hashlib.sha256(seen.body).hexdigest())
    client = edge()
    digest = hashlib.sha256(BIG).hexdigest()
    assert client.post("/a", content=BIG).text == digest
    assert client.post("/a", content=(BIG[i : i + 65536] for i in range(0, len(BIG), 65536))).text == digest


def test_bypass_keeps_nothing_and_changes_nothing(origin, edge):
    origin.answer = lambda seen: Response(seen.headers["authorization"], headers={"cache-control": "max-age=60"})
    client = edge(CachePolicy(mode="bypass"))
    for caller in ("alice", "bob"):
        answer = client.get("/a", headers={"authorization": caller})
        assert answer.text == caller
        assert answer.headers["cache-status"] == 'local-edge; fwd=bypass; detail="mode is bypass"'


@pytest.mark.parametrize(("cloud", "name", "status"), [(Cloud.AWS, "CloudFront", 403), (Cloud.GCP, "Media CDN", 400)])
@pytest.mark.parametrize("body", [b"{}", iter([b"{}"])])
def test_a_get_with_a_body_is_refused_as_by_the_cloud(origin, edge, cloud, name, status, body):
    answer = edge(cloud=cloud).request("GET", "/a", content=body)
    assert answer.status_code == status
    assert answer.json()["detail"] == f"{name} refuses a GET with a body: put the input in the query"
    assert answer.headers["cache-status"] == f'local-edge; detail="{name} refuses a GET with a body"'
    assert origin.calls == 0


# HEAD, conditions, ranges --------------------------------------------------------------------------------------------
def test_a_head_is_answered_from_a_stored_get(origin, edge):
    origin.says("hello", cache_control="max-age=60")
    client = edge()
    client.get("/a")
    head = client.head("/a")
    assert tier(head) == "Hit"
    assert head.headers["content-length"] == "5"
    assert head.content == b""
    assert origin.calls == 1


def test_a_stored_head_answers_heads_and_no_get(origin, edge):
    origin.says("hello", cache_control="max-age=60")
    client = edge()
    assert [tier(client.head("/a")) for _ in range(2)] == ["Miss", "Hit"]
    get = client.get("/a")
    assert (tier(get), get.text) == ("Miss", "hello")


@pytest.mark.parametrize("primed", [True, False])
def test_a_caller_who_has_the_answer_gets_a_304_and_the_edge_still_keeps_it(origin, edge, primed):
    origin.says("hello", cache_control="max-age=60", etag='"1"')
    client = edge()
    if primed:
        client.get("/a")
    answer = client.get("/a", headers={"if-none-match": '"1"'})
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == '"1"'
    assert "content-length" not in answer.headers
    full = client.get("/a", headers={"if-none-match": '"2"'})
    assert (tier(full), full.status_code, full.text) == ("Hit", 200, "hello")
    assert origin.calls == 1
    assert "if-none-match" not in origin.seen[0].headers


def test_a_range_passes_through_and_is_not_kept(origin, edge):
    origin.answer = lambda seen: (
        Response("he", 206, {"content-range": "bytes 0-1/5", "cache-control": "max-age=60"})
        if "range" in seen.headers
        else Response("hello", headers={"cache-control": "max-age=60"})
    )
    client = edge()
    ranged = {"range": "bytes=0-1", "if-range": '"1"', "authorization": "me"}
    for _ in range(2):
        part = client.get("/a?b=1", headers=ranged)
        assert (part.status_code, part.text, tier(part)) == (206, "he", "Miss")
        assert part.headers["cache-status"] == 'local-edge; fwd=bypass; detail="a part of an answer is not kept"'
    assert origin.seen[0].headers["if-range"] == '"1"'
    assert "authorization" not in origin.seen[0].headers
    assert client.get("/a?b=1").text == "hello"


# Errors --------------------------------------------------------------------------------------------------------------
@clouds
@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_an_error_is_not_kept(origin, edge, cloud, status):
    origin.says("no", status)
    client = edge(cloud=cloud)
    failed = client.get("/a")
    assert (failed.status_code, failed.text, tier(failed)) == (status, "no", "Error")
    origin.says("yes", content_type="application/json", cache_control="public, max-age=60")
    assert client.get("/a").text == "yes"


@clouds
def test_negative_ttl_keeps_an_error_for_as_long_as_it_says(origin, edge, clock, cloud):
    origin.says("no", 404)
    client = edge(CachePolicy(negative_ttl={404: "10s"}), cloud)
    client.get("/a")
    clock.turn(5)
    kept = client.get("/a")
    assert (kept.status_code, kept.text, tier(kept)) == (404, "no", "Hit")
    clock.turn(6)
    assert tier(client.get("/a")) == "Error"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_origin_that_is_down_is_a_502_that_nobody_keeps(origin, edge, method):
    client = edge(origin=f"http://127.0.0.1:{free_port()}")
    answer = client.request(method, "/a?text=secret")
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert tier(answer) == "Error"
    assert "did not answer (ConnectError)" in answer.json()["detail"]
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("method", "headers", "policy", "forwarded"),
    [
        ("GET", {}, CachePolicy(), "fwd=uri-miss"),
        ("POST", {}, CachePolicy(), "fwd=method"),
        ("GET", {"range": "bytes=0-1"}, CachePolicy(), "fwd=bypass"),
        ("GET", {}, CachePolicy(mode="bypass"), "fwd=bypass"),
    ],
)
def test_cache_status_says_why_a_silent_origin_was_asked_and_no_status_that_it_never_gave(
    edge, method, headers, policy, forwarded
):
    client = edge(policy, origin=f"http://127.0.0.1:{free_port()}")
    answer = client.request(method, "/a", headers=headers)
    assert answer.headers["cache-status"] == f'local-edge; {forwarded}; detail="the origin did not answer"'


def test_cache_status_tells_a_stale_answer_that_a_silent_origin_could_not_confirm(edge, clock):
    client = edge(origin=scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: max-age=60\r\n\r\nok"))
    client.get("/a")
    clock.turn(61)
    answer = client.get("/a")
    assert answer.status_code == 502
    assert answer.headers["cache-status"] == 'local-edge; fwd=stale; detail="the origin did not answer"'


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_cannot_be_sent_is_not_blamed_on_the_origin(origin, edge, monkeypatch, method):
    async def refuse(*_):
        raise httpx.LocalProtocolError("Illegal header value b'secret'")

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", refuse)
    answer = edge().request(method, "/a")
    assert answer.status_code == 400
    assert answer.json()["detail"] == "the request cannot be passed on: its path or a header is no valid HTTP"
    assert answer.headers["cache-status"] == 'local-edge; detail="not passed on"'
    assert "secret" not in answer.text


def test_a_502_is_forgotten_when_the_origin_is_back(origin, edge):
    port = free_port()
    client = edge(origin=f"http://127.0.0.1:{port}")
    assert client.get("/a").status_code == 502
    scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", port)
    assert client.get("/a").text == "ok"


def test_an_origin_that_does_not_answer_in_time_is_a_504(origin, edge):
    released = threading.Event()
    origin.answer = lambda seen: Response(str(released.wait(10)))
    try:
        answer = edge(origin_timeout=0.2).get("/a")
    finally:
        released.set()
    assert answer.status_code == 504
    assert "in time" in answer.json()["detail"]


def scripted(reply, port=0):
    """The URL of an origin that sends ``reply``, byte for byte, to its next request, and closes."""
    listener = socket.create_server(("127.0.0.1", port))

    def serve():
        with listener, listener.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(reply)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_an_answer_that_breaks_off_is_not_kept(origin, edge):
    url = scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nCache-Control: max-age=60\r\n\r\nbroken")
    client = edge(origin=url)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/a")
    assert client.get("/a").status_code == 502  # the origin is gone by now, and nothing was kept


def test_an_answer_that_is_no_http_is_a_502(origin, edge):
    answer = edge(origin=scripted(b"not http\r\n\r\n")).get("/a")
    assert answer.status_code == 502
    assert "RemoteProtocolError" in answer.json()["detail"]


# Revalidation --------------------------------------------------------------------------------------------------------
def confirming(seen):
    """The same answer for ever, confirmed to whoever has it."""
    headers = {"cache-control": "max-age=60", "etag": '"1"', "last-modified": "Mon, 02 Nov 2026 10:00:00 GMT"}
    if seen.headers.get("if-none-match") == '"1"':
        return Response(status_code=304, headers={**headers, "x-confirmed": "yes"})
    return Response("hello", headers={**headers, "content-type": "text/plain"})


@clouds
def test_a_stale_answer_that_the_origin_confirms_is_kept_on(origin, edge, clock, cloud):
    origin.answer = confirming
    client = edge(cloud=cloud)
    client.get("/a")
    clock.turn(61)
    refreshed = client.get("/a")
    assert (tier(refreshed), refreshed.status_code, refreshed.text) == ("RefreshHit", 200, "hello")
    assert refreshed.headers["x-confirmed"] == "yes"
    assert refreshed.headers["cache-status"] == "local-edge; fwd=stale; fwd-status=304; ttl=60"
    assert refreshed.headers["content-length"] == "5"
    clock.turn(30)
    assert tier(client.get("/a")) == "Hit"
    assert origin.calls == 2
    assert "if-none-match" in origin.seen[1].headers


def test_a_confirmation_that_says_nothing_of_time_renews_what_was_said(origin, edge, clock):
    origin.says("hello", etag='"1"', cache_control="max-age=60")
    client = edge()
    client.get("/a")
    clock.turn(61)
    origin.says("", 304, etag='"1"')
    assert tier(client.get("/a")) == "RefreshHit"
    clock.turn(50)
    assert tier(client.get("/a")) == "Hit"


def test_a_confirmation_can_take_the_time_back(origin, edge, clock):
    origin.says("hello", etag='"1"', cache_control="max-age=60")
    client = edge()
    client.get("/a")
    clock.turn(61)
    origin.says("", 304, etag='"1"', cache_control="no-store")
    assert [tier(client.get("/a")) for _ in range(2)] == ["RefreshHit", "RefreshHit"]
    assert origin.calls == 3


def test_a_stale_answer_that_has_changed_is_replaced(origin, edge, clock):
    origin.says("old", etag='"1"', cache_control="max-age=60")
    client = edge()
    client.get("/a")
    clock.turn(61)
    origin.says("new", etag='"2"', cache_control="max-age=60")
    assert client.get("/a").text == "new"
    assert [client.get("/a").text, tier(client.get("/a"))] == ["new", "Hit"]


def test_a_confirmation_of_another_answer_leads_to_a_second_question(origin, edge, clock):
    origin.says("old", etag='"1"', cache_control="max-age=60")
    client = edge()
    client.get("/a")
    clock.turn(61)
    origin.answer = lambda seen: (
        Response(status_code=304, headers={"etag": '"other"'})
        if "if-none-match" in seen.headers
        else Response("new", headers={"cache-control": "max-age=60"})
    )
    assert client.get("/a").text == "new"
    assert tier(client.get("/a")) == "Hit"


def test_a_stale_answer_is_not_served_when_the_origin_fails(origin, edge, clock):
    origin.says("hello", etag='"1"', cache_control="max-age=60")
    client = edge()
    client.get("/a")
    clock.turn(61)
    origin.says("broken", 500)
    assert client.get("/a").status_code == 500


# Variants ------------------------------------------------------------------------------------------------------------
def encoded(seen):
    compressed = "gzip" in seen.headers.get("accept-encoding", "")
    body, headers = b"hello " * 50, {"cache-control": "public, max-age=60", "vary": "Accept-Encoding"}
    if compressed:
        return Response(gzip.compress(body, mtime=0), headers={**headers, "content-encoding": "gzip"})
    return Response(body, headers=headers)


def raw(client, target, **headers):
    """The body as it comes over the wire."""
    with client.stream("GET", target, headers=headers) as answer:
        return answer, b"".join(answer.iter_raw())


@clouds
def test_a_compressed_answer_is_kept_byte_for_byte_and_apart_from_the_plain_one(origin, edge, cloud):
    origin.answer = encoded
    client = edge(cloud=cloud)
    for expected in ("Miss", "Hit", "Hit"):
        for accepted, body in (("gzip", gzip.compress(b"hello " * 50, mtime=0)), ("identity", b"hello " * 50)):
            answer, received = raw(client, "/a", **{"accept-encoding": accepted})
            assert received == body
            assert answer.headers.get("content-encoding") == ("gzip" if accepted == "gzip" else None)
            assert tier(answer) == expected
    assert origin.calls == 2


def test_media_cdn_keeps_the_variants_that_vary_names(origin, edge):
    origin.answer = lambda seen: Response(
        seen.headers["accept"], headers={"cache-control": "public, max-age=60", "vary": "Accept"}
    )
    client = edge(cloud=Cloud.GCP)
    for expected in ("Miss", "Hit", "Hit"):
        for accept in ("a/a", "b/b", "c/c"):
            answer = client.get("/a", headers={"accept": accept})
            assert (answer.text, tier(answer)) == (accept, expected)


def test_cloudfront_makes_no_variants(origin, edge):
    origin.says("one for all", cache_control="max-age=60", vary="Accept-Language")
    client = edge()
    assert tier(client.get("/a", headers={"accept-language": "de"})) == "Miss"
    assert tier(client.get("/a", headers={"accept-language": "en"})) == "Hit"


def test_an_answer_that_cloudfront_is_told_to_keep_is_kept_whatever_vary_says(origin, edge):
    origin.says("ok", vary="*")
    client = edge(CachePolicy(mode="force", default_ttl="1h"))
    assert [tier(client.get("/a")) for _ in range(2)] == ["Miss", "Hit"]


# Bodies --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("chunked", [True, False])
def test_a_big_body_is_the_same_bytes_on_a_miss_and_on_a_hit(origin, edge, chunked):
    headers = {"cache-control": "max-age=60"}
    origin.answer = lambda seen: (
        StreamingResponse((BIG[i : i + 100_003] for i in range(0, len(BIG), 100_003)), headers=headers)
        if chunked
        else Response(BIG, headers=headers)
    )
    client = edge()
    answers = [client.get("/a"), client.get("/a")]
    assert [tier(answer) for answer in answers] == ["Miss", "Hit"]
    assert all(answer.content == BIG for answer in answers)


def test_an_answer_without_a_body_is_kept_too(origin, edge):
    origin.answer = lambda seen: Response(status_code=204, headers={"cache-control": "max-age=60"})
    client = edge()
    assert [(tier(a), a.status_code, a.content) for a in (client.get("/a"), client.get("/a"))] == [
        ("Miss", 204, b""),
        ("Hit", 204, b""),
    ]


def test_a_caller_sees_the_first_bytes_before_the_origin_has_sent_the_last(origin, edge):
    released = threading.Event()

    def slow():
        yield b"first"
        assert released.wait(10)
        yield b"last"

    origin.answer = lambda seen: StreamingResponse(slow(), headers={"cache-control": "max-age=60"})
    with edge().stream("GET", "/a") as answer:
        chunks = answer.iter_raw()
        assert next(chunks) == b"first"
        released.set()
        assert b"".join(chunks) == b"last"


# Several callers at once ---------------------------------------------------------------------------------------------
CALLERS = 8


def all_at_once(origin, client, waiting, answer):
    """What ``CALLERS`` callers get who are all there before the origin answers the first of them."""
    everyone_waits = threading.Event()

    def held(seen):
        assert everyone_waits.wait(20)
        return answer(seen)

    origin.answer = held
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = [pool.submit(client.get, "/a?text=x") for _ in range(CALLERS)]
        try:
            assert all(waiting.acquire(timeout=15) for _ in range(CALLERS - 1)), "the callers did not wait for one"
        finally:
            everyone_waits.set()
        return [answer.result() for answer in answers]


@clouds
def test_of_many_who_miss_at_once_one_asks_the_origin(origin, edge, waiting, cloud):
    answers = all_at_once(origin, edge(cloud=cloud), waiting, echo)
    assert origin.calls == 1
    assert {answer.text for answer in answers} == {"GET /a?text=x"}
    assert sorted(tier(answer) for answer in answers) == ["Hit"] * (CALLERS - 1) + ["Miss"]


def test_what_another_caller_stores_after_the_first_look_is_not_fetched_again(origin, edge, monkeypatch):
    client, first_look, look_up = edge(), iter([True]), Store.look_up

    async def overtaken(store, *asked):
        found = await look_up(store, *asked)
        if next(first_look, False):
            await asyncio.to_thread(client.get, "/a")
        return found

    monkeypatch.setattr(Store, "look_up", overtaken)
    assert tier(client.get("/a")) == "Hit"
    assert origin.calls == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("body", ["", "ok", BIG[:300_000]])
def test_an_answer_is_kept_for_a_caller_who_hangs_up_at_once(origin, edge, method, body):
    """As curl does. The second caller may come before the first one's connection is cleaned up."""
    origin.says(body, cache_control="max-age=60")
    url = str(edge().base_url).rstrip("/")
    for n in range(10):
        answers = [httpx.request(method, f"{url}/{n}", trust_env=False) for _ in range(2)]
        assert [tier(answer) for answer in answers] == ["Miss", "Hit"]


def test_what_may_not_be_kept_is_asked_for_by_everyone(origin, edge, waiting):
    numbers = iter(range(100))
    answers = all_at_once(
        origin, edge(), waiting, lambda seen: Response(str(next(numbers)), headers={"cache-control": "private"})
    )
    assert {answer.text for answer in answers} == {str(number) for number in range(CALLERS)}


def test_nobody_waits_for_a_caller_who_left(origin, edge, waiting):
    """The first caller goes away in the middle of the body: what it left is not kept, and the next one asks again."""
    gate = threading.Event()

    def slow():
        yield b"first"
        gate.wait(20)
        yield b"last"

    bodies = [
        StreamingResponse(slow(), headers={"cache-control": "max-age=60"}),
        Response("whole", headers={"cache-control": "max-age=60"}),
    ]
    origin.answer = lambda seen: bodies.pop(0)
    client = edge()
    try:
        with ThreadPoolExecutor(1) as pool:
            with client.stream("GET", "/a") as left:
                chunks = left.iter_raw()
                assert next(chunks) == b"first"
                second = pool.submit(client.get, "/a")
                assert waiting.acquire(timeout=15)
            assert second.result(15).text == "whole"
    finally:
        gate.set()
    assert [client.get("/a").text, origin.calls] == ["whole", 2]


def test_everyone_hears_that_the_origin_is_down(origin, edge):
    client = edge(origin=f"http://127.0.0.1:{free_port()}")
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(lambda _: client.get("/a").status_code, range(CALLERS)))
    assert answers == [502] * CALLERS


# What the edge adds, and what it writes down -------------------------------------------------------------------------
def test_origin_headers_reach_the_origin_and_replace_the_callers(origin, edge):
    client = edge(origin_headers={"X-Api-Key": "k"})
    client.get("/a")
    client.post("/a", headers={"x-api-key": "mine"})
    assert [seen.headers.get_list("x-api-key") for seen in origin.seen] == [["k"], ["k"]]


def test_browser_ttl_is_what_the_caller_sees_on_misses_and_hits(origin, edge):
    origin.says("ok", content_type="image/png")
    for cloud, told in ((Cloud.AWS, "max-age=60"), (Cloud.GCP, "public, max-age=60")):
        client = edge(CachePolicy(browser_ttl="1m"), cloud)
        assert [client.get("/a").headers["cache-control"] for _ in range(2)] == [told, told]


def test_the_store_holds_answers_and_nothing_of_requests(origin, edge, tmp_path):
    origin.says("the answer", cache_control="public, max-age=60", vary="Accept")
    client = edge(cloud=Cloud.GCP, store=tmp_path / "edge.db")
    client.get("/v1/embed?text=secret-prompt", headers={"x-secret": "secret-header", "accept": "a/a"})
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"the answer" in written
    assert b"secret" not in written


def test_a_store_outlives_its_edge_and_is_not_shared_between_origins_or_clouds(origin, edge, tmp_path):
    origin.says("ok", content_type="image/png", cache_control="max-age=60")
    store = tmp_path / "edge.db"
    assert tier(edge(store=store).get("/a")) == "Miss"
    assert tier(edge(store=store).get("/a")) == "Hit"
    assert tier(edge(store=store, cloud=Cloud.GCP).get("/a")) == "Miss"
    assert tier(edge(store=store, origin=f"{origin.url}/other").get("/a")) == "Miss"
    assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} == {"edge.db"}


def test_a_temporary_store_is_gone_with_its_edge(origin, tmp_path, monkeypatch):
    from inference_edge_cache.local import LocalEdge

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with LocalEdge(origin.url, CachePolicy()) as running:
        httpx.get(f"{running.url}/a", trust_env=False)
        assert os.listdir(tmp_path) != []
    assert os.listdir(tmp_path) == []


def test_a_fault_of_the_edge_is_logged_without_the_request(origin, edge, monkeypatch, caplog):
    def broken(*_):
        raise ValueError("boom")

    monkeypatch.setattr("inference_edge_cache.local.cached.cache_key", broken)
    assert edge().get("/a?text=secret").status_code == 500
    assert "the local edge failed on a GET request" in caplog.text
    assert "secret" not in caplog.text
