"""What Media CDN says about values that belong together."""

import pulumi
import pytest

from inference_edge_cache import InvalidArgsError
from inference_edge_cache.plan import make_plan

URL, SPARE = "https://model.example.com", "https://spare.example.net"


def plan(cloud="gcp", **args):
    return make_plan("cache", {"cloud": cloud, "origin": {"url": URL}, **args})


def problems(cloud="gcp", **args):
    with pytest.raises(InvalidArgsError) as caught:
        plan(cloud, **args)
    return {problem.path: problem for problem in caught.value.problems}


# How long a browser keeps an answer


@pytest.mark.parametrize(
    "policy",
    [
        {"default_ttl": 60, "browser_ttl": 61},
        {"default_ttl": 0, "browser_ttl": 1},
        {"mode": "force", "default_ttl": 60, "browser_ttl": 61},
    ],
)
def test_a_browser_keeps_nothing_longer_than_the_edge(policy):
    assert list(problems(policy=policy)) == ["policy.browser_ttl"]


def test_a_browser_keeps_what_the_edge_keeps():
    assert plan(policy={"default_ttl": 60, "browser_ttl": 60}).default_route.policy.browser_ttl == 60


def test_a_route_says_where_its_browser_ttl_is_too_long():
    assert list(problems(routes=[{"path": "/v1/*", "policy": {"default_ttl": 1, "browser_ttl": 2}}])) == [
        "routes[0].policy.browser_ttl"
    ]


# The failover


@pytest.mark.parametrize(("url", "spare"), [(f"{URL}/v1", SPARE), (URL, f"{SPARE}/v1"), (f"{URL}/v1", f"{SPARE}/v2")])
def test_both_endpoints_have_one_path(url, spare):
    assert list(problems(origin={"url": url, "failover": {"url": spare}})) == ["origin.failover.url"]
    assert plan(
        "aws", origin={"url": url, "failover": {"url": spare}}, routes=[{"path": "/a", "methods": ["GET", "HEAD"]}]
    )


@pytest.mark.usefixtures("event_loop_for_outputs")
def test_an_output_has_no_path_to_share():
    origin = {"url": f"{URL}/v1", "failover": {"url": pulumi.Output.from_input(SPARE)}}
    assert list(problems(origin=origin)) == ["origin.failover.url"]
    assert plan(origin={"url": pulumi.Output.from_input(URL), "failover": {"url": SPARE}}).failover


@pytest.mark.parametrize("path", ["", "/", "/v1"])
def test_equal_paths_are_fine(path):
    assert plan(origin={"url": f"{URL}{path}", "failover": {"url": f"{SPARE}{path.rstrip('/')}"}}).failover


def test_the_failover_is_one_of_four_attempts():
    origin = {"url": URL, "connect_timeout": 1, "failover": {"url": SPARE}}
    assert list(problems(origin={**origin, "attempts": 4})) == ["origin.attempts"]
    assert plan(origin={**origin, "attempts": 3}).warnings == plan().warnings
    assert plan(origin={"url": URL, "connect_timeout": 1, "attempts": 4})


@pytest.mark.parametrize(
    ("origin", "warns"),
    [
        ({}, False),
        ({"attempts": 2}, False),
        ({"attempts": 3}, True),
        ({"attempts": 4, "connect_timeout": 7}, False),
        ({"failover": {"url": SPARE}}, False),
        ({"failover": {"url": SPARE}, "attempts": 2}, True),
        ({"failover": {"url": SPARE}, "attempts": 2, "connect_timeout": 10}, False),
    ],
)
def test_attempts_that_do_not_fit_into_30_seconds_are_told(origin, warns):
    told = [text for text in plan(origin={"url": URL, **origin}).warnings if text.startswith("origin.connect_timeout:")]
    assert len(told) == warns


def test_cloudfront_does_not_count_attempts_together():
    assert not any("together" in text for text in plan("aws", origin={"url": URL, "attempts": 3}).warnings)


# Web pages of other origins


def test_an_origin_is_compared_letter_by_letter():
    cors = {"allow_origins": ["https://a.example.com", "https://*.example.com"]}
    assert list(problems(cors=cors)) == ["cors.allow_origins[1]"]
    assert plan("aws", cors=cors).cors
    assert plan(cors={"allow_origins": ["*"]}).cors


def test_five_methods_are_the_most():
    cors = {"allow_origins": ["*"], "allow_methods": ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"]}
    assert list(problems(cors=cors)) == ["cors.allow_methods"]
    assert plan("aws", cors=cors).cors
    assert plan(cors={**cors, "allow_methods": cors["allow_methods"][:5]}).cors
