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
        ("https://a b.example.com", "names no host"),
        ("https://a..example.com", "names no host"),
        ("https://" + "a" * 64 + ".example.com", "names no host"),
        ("https://model.example.com:99999", "is not a URL"),
        ("https://model.example.com:x", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://model.example.com/?a=1", "query or fragment"),
        ("https://model.example.com/#a", "query or fragment"),
        ("https://model.example.com/a b", "has a space"),
        ("https://model.example.com/*", "has a space, *"),
    ],
)
def test_what_a_cdn_could_not_reach_is_refused(url, limit):
    problem = parse_origin_url(url, "origin.url", allow_http=True)
    assert isinstance(problem, Problem)
    assert limit in problem.limit
    assert problem.remedy


def test_a_password_in_a_url_is_refused_and_never_shown():
    problem = parse_origin_url("https://user:hunter2@model.example.com", "origin.url", allow_http=False)
    assert isinstance(problem, Problem)
    assert "hunter2" not in str(problem)
