"""Who gave an answer, as its headers tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_edge_cache.client import Served
from inference_edge_cache.client.served import given_by_model, served_by_path, served_by_post

HIT = "inference-edge-cache; hit; ttl=60"
MISS = "inference-edge-cache; fwd=uri-miss; fwd-status=200; stored"


@pytest.mark.parametrize(
    ("headers", "served"),
    [
        # CloudFront and Media CDN keep the gateway's words with an answer that they keep.
        ({"x-cache": "Hit from cloudfront", "cache-status": MISS}, Served("edge", "x-cache")),
        ({"x-cache": "RefreshHit from cloudfront"}, Served("edge", "x-cache")),
        ({"x-cache": "den;hit", "cache-status": HIT}, Served("edge", "x-cache")),
        ({"x-cache": "Miss from cloudfront", "age": "3", "cache-status": HIT}, Served("edge", "age")),
        ({"cache-status": f"{MISS}, ExampleCDN; hit; ttl=5"}, Served("edge", "cache-status")),
        ({"cache-status": f'{MISS}, "a CDN"; hit'}, Served("edge", "cache-status")),
        ({"cache-status": "ExampleCDN; hit"}, Served("edge", "cache-status")),
        # A cache behind the gateway is the model's own affair.
        ({"cache-status": f"ProviderCache; hit, {MISS}"}, Served("model", "uri-miss")),
        ({"cache-status": f"{MISS}, ExampleCDN; hit=?0"}, Served("model", "uri-miss")),
        ({"cache-status": f"{MISS}, ExampleCDN; fwd=uri-miss"}, Served("model", "uri-miss")),
        ({"x-cache": "Miss from cloudfront"}, Served("bucket")),
        ({"x-cache": "den;miss"}, Served("bucket")),
        ({"x-cache": "whitehorse;miss", "age": "0"}, Served("bucket")),
        ({}, Served("bucket")),
        ({"age": "-1"}, Served("bucket")),
        ({"age": "9" * 5000}, Served("bucket")),
        ({"cache-status": "not; a (list"}, Served("bucket")),
        ({"cache-status": "(a b); hit"}, Served("bucket")),
        ({"cache-status": HIT}, Served("store")),
        ({"cache-status": MISS}, Served("model", "uri-miss")),
        ({"cache-status": "inference-edge-cache; fwd=uri-miss; collapsed"}, Served("model", "uri-miss")),
        (
            {"cache-status": 'inference-edge-cache; fwd=uri-miss; detail="truncated"'},
            Served("model", "uri-miss: truncated"),
        ),
    ],
)
def test_the_tier_of_an_answer_at_a_path(headers, served):
    assert served_by_path(200, headers) == served


@pytest.mark.parametrize(
    ("headers", "served"),
    [
        ({}, Served("edge", "429")),
        ({"cache-status": 'inference-edge-cache; detail="Too Many Requests"'}, Served("passed", "Too Many Requests")),
        ({"cache-status": "inference-edge-cache; fwd=miss; fwd-status=429"}, Served("model", "miss")),
    ],
)
def test_the_tier_of_an_error_at_a_path(headers, served):
    assert served_by_path(429, headers) == served


@pytest.mark.parametrize(
    ("headers", "served"),
    [
        ({}, Served("passed", "get-404")),
        ({"x-cache": "Hit from cloudfront", "age": "9"}, Served("passed", "get-404")),
        ({"cache-status": HIT}, Served("store")),
        ({"cache-status": MISS}, Served("model", "uri-miss")),
        ({"cache-status": 'inference-edge-cache; detail="Unauthorized"'}, Served("passed", "Unauthorized")),
    ],
)
def test_the_tier_of_an_answer_to_a_post(headers, served):
    assert served_by_post(headers, "get-404") == served


@pytest.mark.parametrize(
    ("status", "said", "by_model"),
    [
        (200, MISS, True),
        (400, "inference-edge-cache; fwd=uri-miss; fwd-status=400", True),
        (502, "inference-edge-cache; fwd=uri-miss; fwd-status=400", False),
        (502, "inference-edge-cache; fwd=miss", False),
        (400, "another; fwd=uri-miss; fwd-status=400", False),
        (200, HIT, False),
        (200, "", False),
    ],
)
def test_the_model_itself_answered_when_the_gateway_says_its_status(status, said, by_model):
    assert given_by_model(status, {"cache-status": said}) is by_model


@given(st.text() | st.text('a(";=,?: \\%@0.-*', max_size=40))
def test_headers_of_strangers_never_fail(value):
    for headers in (
        {"cache-status": value, "age": value, "x-cache": value},
        {"cache-status": f"inference-edge-cache;{value}"},
    ):
        assert served_by_path(200, headers).tier in ("edge", "bucket", "store", "model", "passed")
        assert isinstance(given_by_model(200, headers), bool)
        assert served_by_post(headers, "why").tier in ("store", "model", "passed")
