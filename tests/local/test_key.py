"""Which requests share an answer, and which must not."""

import itertools

import pytest

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.local.key import cache_key, keyed_cookies, keyed_parameters, normalized_encodings
from inference_edge_cache.policy import CacheKey, CachePolicy

ALL = CachePolicy()
TEXT_ONLY = CachePolicy(key=CacheKey(query_only=["text"]))


def key(policy, cloud, target, **headers):
    path, _, query = target.partition("?")
    return cache_key(policy, cloud, path, query, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("key", "query", "kept"),
    [
        (CacheKey(), "b=2&a=1", ["b=2", "a=1"]),
        (CacheKey(), "", []),
        (CacheKey(), "a=1&&b", ["a=1", "b"]),
        (CacheKey(query="none"), "a=1", []),
        (CacheKey(query_only=["text"]), "text=x&trace=1", ["text=x"]),
        (CacheKey(query_only=["text"]), "Text=x", []),
        (CacheKey(query_only=["text"]), "te%78t=x", ["te%78t=x"]),
        (CacheKey(query_only=["a b"]), "a+b=1&a%20b=2", ["a+b=1", "a%20b=2"]),
        (CacheKey(query_only=[]), "a=1", []),
        (CacheKey(query_except=["trace"]), "text=x&trace=1&text=y", ["text=x", "text=y"]),
    ],
)
def test_the_parameters_that_count(key, query, kept):
    assert keyed_parameters(CachePolicy(key=key), query) == kept


@pytest.mark.parametrize(
    ("cookie", "kept"),
    [("", []), ("b=2; a=1; c=3", ["a=1", "b=2"]), ("a=1", ["a=1"]), ("A=1", []), ("a=x=y", ["a=x=y"]), ("ab=1", [])],
)
def test_the_cookies_that_count(cookie, kept):
    assert keyed_cookies(CachePolicy(key=CacheKey(cookies=["a", "b"])), cookie) == kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br,gzip"),
        ("GZIP;q=0.5, br;q=0", "gzip"),
        ("br; q=1.0", "br"),
        ("gzip;q=0.0", ""),
        ("identity", ""),
    ],
)
def test_cloudfront_normalizes_accept_encoding(sent, kept):
    assert normalized_encodings(ALL, Cloud.AWS, sent) == kept


def test_without_compression_cloudfront_does_not_look_at_accept_encoding():
    plain = CachePolicy(compression=False)
    assert key(plain, Cloud.AWS, "/a", accept_encoding="gzip") == key(plain, Cloud.AWS, "/a")
    assert key(ALL, Cloud.AWS, "/a", accept_encoding="gzip") != key(ALL, Cloud.AWS, "/a")


def test_media_cdn_leaves_accept_encoding_to_vary():
    assert key(ALL, Cloud.GCP, "/a", accept_encoding="gzip") == key(ALL, Cloud.GCP, "/a")


def test_media_cdn_sorts_parameters_and_cloudfront_does_not():
    assert key(ALL, Cloud.GCP, "/a?x=1&y=2") == key(ALL, Cloud.GCP, "/a?y=2&x=1")
    assert key(ALL, Cloud.AWS, "/a?x=1&y=2") != key(ALL, Cloud.AWS, "/a?y=2&x=1")


@pytest.mark.parametrize("cloud", Cloud)
def test_the_order_of_one_parameters_values_counts(cloud):
    assert key(ALL, cloud, "/a?x=1&x=2") != key(ALL, cloud, "/a?x=2&x=1")


@pytest.mark.parametrize("cloud", Cloud)
def test_host_and_unkeyed_headers_do_not_count(cloud):
    assert key(ALL, cloud, "/a", host="one.example") == key(ALL, cloud, "/a", host="two.example", x_tenant="b")


@pytest.mark.parametrize("cloud", Cloud)
def test_what_is_not_keyed_does_not_count(cloud):
    assert key(TEXT_ONLY, cloud, "/a?text=x&trace=1") == key(TEXT_ONLY, cloud, "/a?trace=2&text=x")


@pytest.mark.parametrize("cloud", Cloud)
def test_no_two_different_requests_share_a_key(cloud):
    """Paths, parameters, headers and cookies that a careless key would run together."""
    policy = CachePolicy(key=CacheKey(headers=["x-a", "x-b"], cookies=["c", "d"]))
    requests = [
        {"target": "/a"},
        {"target": "/A"},
        {"target": "/a/"},
        {"target": "/%61"},
        {"target": "/a?b"},
        {"target": "/a?b="},
        {"target": "/a?b=1"},
        {"target": "/a?b=1&b=1"},
        {"target": "/a?b=1%26c=2"},
        {"target": "/a?b=1&c=2"},
        {"target": "/a?B=1"},
        {"target": "/a", "x_a": "1"},
        {"target": "/a", "x_b": "1"},
        {"target": "/a", "x_a": ""},
        {"target": "/a", "x_a": "1", "x_b": "1"},
        {"target": "/a", "cookie": "c=1"},
        {"target": "/a", "cookie": "d=1"},
        {"target": "/a", "cookie": "c=1; d=1"},
        {"target": "/a", "x_a": "c=1"},
    ]
    keys = [key(policy, cloud, **request) for request in requests]
    for (one, a), (two, b) in itertools.combinations(zip(requests, keys, strict=True), 2):
        assert a != b, (one, two)


def test_a_key_tells_nothing_of_the_request():
    digest = key(ALL, Cloud.AWS, "/v1/embed?text=secret")
    assert len(digest) == 64
    assert int(digest, 16)
