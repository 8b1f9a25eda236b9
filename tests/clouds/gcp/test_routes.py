"""Routes as route rules, seen as Media CDN sees them: which rule does a request get, and what does that rule do?"""

import pulumi
import pytest

from inference_edge_cache import InvalidArgsError

BODY_METHODS = ("PUT", "POST", "PATCH", "DELETE")
ROUTES = [
    {"path": "/v1/models"},
    {"path": "/v1/*"},
    {"path": "/v1/chat/*", "policy": {"mode": "bypass"}},
    {"path": "/health", "methods": ["GET", "HEAD"]},
    {"path": "/upload", "methods": ["POST"]},
    {"path": "/feedback", "methods": ["OPTIONS", "POST"]},
]


def answering(rules, method, path):
    """The rule that Media CDN gives a request: of those that match, the one with the lowest priority."""
    return min((rule for rule in rules if matches(rule, method, path)), key=lambda rule: int(rule["priority"]))


def matches(rule, method, path):
    return any(
        (match["fullPathMatch"] == path if "fullPathMatch" in match else path.startswith(match["prefixMatch"]))
        and all(head == {"headerName": ":method", "exactMatch": method} for head in match.get("headerMatches", []))
        for match in rule["matchRules"]
    )


def removed(rule):
    return [header["headerName"] for header in rule["headerAction"].get("requestHeaderToRemoves", [])]


def is_cached(rule):
    return rule["routeAction"]["cdnPolicy"]["cacheMode"] != "BYPASS_CACHE"


@pytest.mark.parametrize(
    ("method", "path", "allowed", "cached"),
    [
        ("GET", "/v1/models", True, True),
        ("POST", "/v1/models", True, False),
        ("GET", "/v1/models/e5", True, True),
        ("HEAD", "/v1/embeddings", True, True),
        ("OPTIONS", "/v1/embeddings", True, True),
        ("POST", "/v1/embeddings", True, False),
        ("GET", "/v1/chat/completions", True, False),
        ("POST", "/v1/chat/completions", True, False),
        ("GET", "/health", True, True),
        ("POST", "/health", False, True),
        ("POST", "/upload", True, False),
        ("GET", "/upload", False, False),
        ("POST", "/feedback", True, False),
        ("OPTIONS", "/feedback", True, False),
        ("GET", "/feedback", False, False),
        ("GET", "/", True, True),
        ("DELETE", "/anything", True, False),
        ("GET", "/artifacts/model.bin", True, True),
        ("POST", "/artifacts/model.bin", False, True),
    ],
)
def test_which_requests_are_let_in_and_which_are_cached(rules, method, path, allowed, cached):
    rule = answering(rules(routes=ROUTES, bucket={}), method, path)
    assert (method in rule["routeMethods"]["allowedMethods"]) is allowed
    assert is_cached(rule) is cached


def test_no_method_with_a_body_is_ever_let_in_under_a_caching_policy(rules):
    for rule in rules(routes=ROUTES, bucket={}):
        let_in = set(rule["routeMethods"]["allowedMethods"])
        assert let_in
        assert not (is_cached(rule) and let_in & set(BODY_METHODS))


def test_who_asks_is_removed_from_cached_requests_and_kept_on_those_passed_through(rules):
    for rule in rules(routes=ROUTES):
        assert removed(rule) == (["authorization", "cookie"] if is_cached(rule) else [])


def test_cookies_pass_where_they_are_in_the_key(rules):
    *_, posts, gets = rules(policy={"key": {"cookies": ["plan"]}})
    assert removed(gets) == ["authorization"]
    assert removed(posts) == []


def test_a_rule_matches_at_most_five_ways(rules):
    assert all(1 <= len(rule["matchRules"]) <= 5 for rule in rules(routes=ROUTES, bucket={}))


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("/v1/models", {"fullPathMatch": "/v1/models"}),
        ("/v1/*", {"prefixMatch": "/v1/"}),
        ("/v1*", {"prefixMatch": "/v1"}),
        ("/*", {"prefixMatch": "/"}),
    ],
)
def test_paths(rules, path, match):
    first, *_ = rules(routes=[{"path": path, "methods": ["GET", "HEAD"]}])
    assert first["matchRules"] == [match]


@pytest.mark.parametrize("path", ["/v1/*/models", "/v?/models", "/*.bin", "v1"])
def test_wildcards_within_a_path_are_refused(deployed, path):
    with pytest.raises(InvalidArgsError) as refused:
        deployed(routes=[{"path": path}])
    assert [problem.path for problem in refused.value.problems] == ["routes[0].path"]


def test_every_rule_shows_the_cache_status_whatever_the_endpoint_sent(rules):
    for rule in rules(routes=ROUTES, bucket={}):
        added = rule["headerAction"]["responseHeaderToAdds"]
        assert added == [{"headerName": "x-cache", "headerValue": "{cdn_cache_status}", "replace": True}]


@pytest.mark.parametrize(("compression", "mode"), [(True, "AUTOMATIC"), (False, "DISABLED")])
def test_compression(rules, compression, mode):
    assert {rule["routeAction"]["compressionMode"] for rule in rules(policy={"compression": compression})} == {mode}


# The path of origin.url


def test_the_path_of_the_origin_is_put_in_front_of_what_a_route_matches(rules):
    found = rules(origin={"url": "https://model.example.com/serve/e5/"}, routes=ROUTES, bucket={})
    rewrites = {
        tuple(rule["matchRules"][0].values())[-1]: rule["routeAction"].get("urlRewrite")
        for rule in found
        if "headerMatches" not in rule["matchRules"][0]
    }
    assert rewrites == {
        "/v1/models": {"pathPrefixRewrite": "/serve/e5/v1/models"},
        "/health": {"pathPrefixRewrite": "/serve/e5/health"},
        "/upload": {"pathPrefixRewrite": "/serve/e5/upload"},
        "/feedback": {"pathPrefixRewrite": "/serve/e5/feedback"},
        "/v1/chat/": {"pathPrefixRewrite": "/serve/e5/v1/chat/"},
        "/v1/": {"pathPrefixRewrite": "/serve/e5/v1/"},
        "/artifacts/": None,
        "/": {"pathPrefixRewrite": "/serve/e5/"},
    }


@pytest.mark.parametrize("url", ["https://model.example.com", "https://model.example.com/"])
@pytest.mark.parametrize("as_output", [False, True])
def test_without_a_path_nothing_is_rewritten(rules, url, as_output):
    found = rules(origin=lambda: {"url": pulumi.Output.from_input(url) if as_output else url})
    assert all("urlRewrite" not in rule["routeAction"] for rule in found)


# Web pages of other origins


def test_cors_is_answered_at_the_edge(rules):
    cors = {
        "allow_origins": ["https://app.example.com"],
        "allow_methods": ["GET", "POST"],
        "allow_headers": ["content-type", "x-model"],
        "expose_headers": ["x-cache"],
        "max_age": "1h",
        "allow_credentials": True,
    }
    for rule in rules(cors=cors, routes=ROUTES, bucket={}):
        assert rule["routeAction"]["corsPolicy"] == {
            "allowOrigins": ["https://app.example.com"],
            "allowMethods": ["GET", "POST"],
            "allowHeaders": ["content-type", "x-model"],
            "exposeHeaders": ["x-cache"],
            "maxAge": "3600s",
            "allowCredentials": True,
        }


def test_cors_defaults(rules):
    assert rules(cors={"allow_origins": ["*"]})[0]["routeAction"]["corsPolicy"] == {
        "allowOrigins": ["*"],
        "allowMethods": ["GET", "HEAD", "OPTIONS"],
        "allowHeaders": ["content-type"],
        "maxAge": "600s",
        "allowCredentials": False,
    }
    assert all("corsPolicy" not in rule["routeAction"] for rule in rules())


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/upload", "/artifacts/model.bin", "/v1/chat/completions"])
def test_a_preflight_is_let_in_wherever_cors_is_configured(rules, path):
    rule = answering(rules(cors={"allow_origins": ["*"]}, routes=ROUTES, bucket={}), "OPTIONS", path)
    assert rule["routeMethods"]["allowedMethods"].count("OPTIONS") == 1
