import pytest

from inference_edge_cache.errors import Problem
from inference_edge_cache.plan.urls import OriginUrl, parse_origin_url


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://model.example.com", OriginUrl("https", "model.example.com", 443, "")),
        ("https://model.example.com/", OriginUrl("https", "model.example.com", 443, "")),
        ("https://MODEL.example.com:8443/v1/", OriginUrl("https", "model.example.com", 8443, "/v1")),
        ("https://my_model.a-b.example.com", OriginUrl("https", "my_model.a-b.example.com", 443, "")),
        ("https://34.120.0.1", OriginUrl("https", "34.120.0.1", 443, "")),
        ("https://[2600:1901::1]:444", OriginUrl("https", "2600:1901::1", 444, "")),
    ],
)
def test_a_url_is_taken_apart(url, parts):
    assert parse_origin_url(url, "origin.url", allow_http=False) == parts


def test_plain_http_is_taken_only_when_it_is_allowed():
    refused = parse_origin_url("http://model.example.com", "origin.url", allow_http=False)
    assert isinstance(refused, Problem)
    assert "origin.allow_http" in refused.remedy
    allowed = parse_origin_url("http://model.example.com", "origin.url", allow_http=True)
    assert allowed == OriginUrl("http", "model.example.com", 80, "")


@pytest.mark.parametrize(
    ("url", "limit"),
    [
        ("", "must start with https://"),
        ("model.example.com", "must start with https://"),
        ("ftp://model.example.com", "must start with https://"),
        ("https://", "names no host"),
        ("https://localhost", "names no host"),
        ("https://127.0.0.1", "names no host"),
        ("https://10.1.2.3", "names no host"),
        ("https://[::1]", "names no host"),
        ("https://-a.example.com", "names no host"),
        ("https://a b.example.com", "white space"),
        ("https://a..example.com", "names no host"),
        ("https://" + "a" * 64 + ".example.com", "names no host"),
        ("https://model.example.com:99999", "is not a URL"),
        ("https://model.example.com:x", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://model.example.com/?a=1", "query or fragment"),
        ("https://model.example.com/#a", "query or fragment"),
        ("https://model.example.com:0", "names no host and port"),
        ("https://model.example.com.", "names no host"),
        ("https://model.example.com/a b", "white space"),
        (" https://model.example.com", "white space"),
        ("https://model.example.com/a\tb", "white space"),
        ("https://model.example.com/*", "not percent-encoded"),
        ("https://model.example.com/%zz", "not percent-encoded"),
        ("https://model.example.com/\u00e9", "not percent-encoded"),
        ("https://model.example.com/a/../b", ".."),
        ("https://model.example.com//a", "//"),
    ],
)
def test_what_a_cdn_could_not_reach_is_refused(url, limit):
    problem = parse_origin_url(url, "origin.url", allow_http=True)
    assert isinstance(problem, Problem)
    assert limit in problem.limit
    assert problem.remedy


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@model.example.com",
        "https://user:hunter2@model.example.com:notaport/",
        "http://user:hunter2@model.example.com",
        "https://model.example.com/?api_key=hunter2",
        "https://model.example.com/#hunter2",
        "https://user:hunter2@ model.example.com",
    ],
)
def test_what_may_be_a_secret_in_a_url_is_refused_and_never_shown(url):
    problem = parse_origin_url(url, "origin.url", allow_http=False)
    assert isinstance(problem, Problem)
    assert "hunter2" not in str(problem)
