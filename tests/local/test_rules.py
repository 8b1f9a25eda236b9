"""The small pure rules beside freshness and the key: Cache-Control, forwarding, conditions, browser_ttl."""

import httpx
import pytest

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.local.browser import browser_cache_control
from inference_edge_cache.local.conditional import not_modified
from inference_edge_cache.local.directives import directives
from inference_edge_cache.local.forward import answered_headers, forwarded_headers, forwarded_query, passed_headers
from inference_edge_cache.policy import CacheKey, CachePolicy

YESTERDAY, TODAY = "Sun, 01 Nov 2026 10:00:00 GMT", "Mon, 02 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (None, {}),
        ("", {}),
        ("no-store", {"no-store": ""}),
        ("Public , MAX-AGE = 60", {"public": "", "max-age": "60"}),
        ('private="X-A, X-B", max-age=5', {"private": "X-A, X-B", "max-age": "5"}),
        ("max-age=1,max-age=2", {"max-age": "1"}),
        (",, ;x", {"x": ""}),
    ],
)
def test_cache_control_is_read(header, said):
    assert directives(header) == said


# What reaches the origin ---------------------------------------------------------------------------------------------
KEYED = CachePolicy(key=CacheKey(query_only=["text"], headers=["x-model"], cookies=["plan"]))
VIEWER = httpx.Headers(
    {
        "host": "edge",
        "authorization": "Bearer a",
        "cookie": "session=1; plan=pro",
        "x-model": "e5",
        "x-request-id": "7",
        "accept": "application/json",
        "accept-encoding": "gzip, deflate",
        "cache-control": "no-cache",
        "if-none-match": '"x"',
        "range": "bytes=0-1",
        "connection": "close, x-hop",
        "x-hop": "1",
        "te": "trailers",
    }
)


def test_cloudfront_forwards_only_what_is_keyed():
    assert forwarded_headers(KEYED, Cloud.AWS, VIEWER) == [
        ("x-model", "e5"),
        ("accept-encoding", "gzip"),
        ("cookie", "plan=pro"),
    ]
    assert forwarded_headers(CachePolicy(compression=False), Cloud.AWS, VIEWER) == []
    assert forwarded_query(KEYED, Cloud.AWS, "a=1&text=x") == "text=x"


def test_media_cdn_forwards_all_but_who_is_asking():
    assert forwarded_headers(CachePolicy(), Cloud.GCP, VIEWER) == [
        ("x-model", "e5"),
        ("x-request-id", "7"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate"),
        ("cache-control", "no-cache"),
    ]
    assert forwarded_query(KEYED, Cloud.GCP, "a=1&text=x") == "a=1&text=x"


def test_media_cdn_forwards_every_cookie_where_one_is_keyed():
    assert ("cookie", "session=1; plan=pro") in forwarded_headers(KEYED, Cloud.GCP, VIEWER)
    assert "authorization" not in dict(forwarded_headers(KEYED, Cloud.GCP, VIEWER))


def test_authorization_that_is_keyed_reaches_the_origin_through_cloudfront():
    keyed = CachePolicy(key=CacheKey(headers=["authorization"]), compression=False)
    assert forwarded_headers(keyed, Cloud.AWS, VIEWER) == [("authorization", "Bearer a")]


def test_an_uncached_request_passes_whole_but_for_this_connection():
    passed = dict(passed_headers(VIEWER))
    assert passed["authorization"] == "Bearer a"
    assert passed["cookie"] == "session=1; plan=pro"
    assert not passed.keys() & {"host", "connection", "x-hop", "te"}


def test_an_answer_loses_what_is_about_the_origins_connection():
    answer = httpx.Headers([("Connection", "X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "9"), ("ETag", "x"), ("ETag", "y")])
    assert answered_headers(answer) == [("etag", "x"), ("etag", "y")]


# Conditions ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("request_headers", "response_headers", "unchanged"),
    [
        ({}, {"etag": '"a"'}, False),
        ({"if-none-match": '"a"'}, {"etag": '"a"'}, True),
        ({"if-none-match": '"a"'}, {"etag": '"b"'}, False),
        ({"if-none-match": '"a"'}, {}, False),
        ({"if-none-match": '"b", W/"a"'}, {"etag": '"a"'}, True),
        ({"if-none-match": '"a"'}, {"etag": 'W/"a"'}, True),
        ({"if-none-match": "*"}, {"etag": '"a"'}, True),
        ({"if-modified-since": TODAY}, {"last-modified": YESTERDAY}, True),
        ({"if-modified-since": TODAY}, {"last-modified": TODAY}, True),
        ({"if-modified-since": YESTERDAY}, {"last-modified": TODAY}, False),
        ({"if-modified-since": TODAY}, {}, False),
        ({"if-modified-since": "soon"}, {"last-modified": TODAY}, False),
        ({"if-none-match": '"b"', "if-modified-since": TODAY}, {"etag": '"a"', "last-modified": YESTERDAY}, False),
    ],
)
def test_a_caller_who_has_the_answer_gets_a_304(request_headers, response_headers, unchanged):
    assert not_modified(request_headers, response_headers) is unchanged


# browser_ttl ---------------------------------------------------------------------------------------------------------
MINUTE = CachePolicy(browser_ttl="1m")


@pytest.mark.parametrize(
    ("policy", "cloud", "from_origin", "kept", "told"),
    [
        (CachePolicy(), Cloud.AWS, "max-age=5", 5, "max-age=5"),
        (CachePolicy(), Cloud.AWS, None, 5, None),
        (CachePolicy(), Cloud.GCP, "max-age=5", 5, "max-age=5"),
        # CloudFront adds it where the origin says nothing
        (MINUTE, Cloud.AWS, None, 3600, "max-age=60"),
        (MINUTE, Cloud.AWS, "max-age=5", 5, "max-age=5"),
        (MINUTE, Cloud.AWS, "no-store", 0, "no-store"),
        # Media CDN replaces it on what it keeps
        (MINUTE, Cloud.GCP, "public, max-age=3600", 3600, "public, max-age=60"),
        (MINUTE, Cloud.GCP, "public, max-age=5", 5, "public, max-age=5"),
        (MINUTE, Cloud.GCP, None, 3600, "public, max-age=60"),
        (MINUTE, Cloud.GCP, "no-store", 0, "no-store"),
    ],
)
def test_what_the_callers_own_cache_is_told(policy, cloud, from_origin, kept, told):
    assert browser_cache_control(policy, cloud, from_origin, kept) == told
