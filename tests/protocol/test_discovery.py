import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_edge_cache.protocol import (
    DiscoveryError,
    EdgeConfig,
    RouteConfig,
    RouteRules,
    VersionRefusedError,
    parse_edge_config,
)

RULES = RouteRules(
    dialect="openai-chat",
    ignored_fields=("user", "équipe"),
    key_headers=("x-a",),
    output_affecting_headers=("openai-beta",),
)
CONFIG = EdgeConfig(
    routes=(
        RouteConfig(path="/v1/chat/completions", generation="Gen_0123-abc", rules=RULES),
        RouteConfig(
            path="/",
            generation="Gen_0123-xyz",
            rules=RouteRules(
                dialect="sagemaker", keep_number_types=True, determinism="deterministic_endpoint", remote_urls=True
            ),
        ),
    ),
    upload_url="https://abc.lambda-url.eu-west-1.on.aws/",
)
DOCUMENT = {
    "version": 1,
    "access": "keyed",
    "payload_budget": 6144,
    "upload_url": "https://abc.lambda-url.eu-west-1.on.aws/",
    "routes": [
        {
            "path": "/v1/chat/completions",
            "generation": "Gen_0123-abc",
            "rules": {
                "dialect": "openai-chat",
                "ignored_fields": ["user", "équipe"],
                "key_headers": ["x-a"],
                "output_affecting_headers": ["openai-beta"],
                "keep_number_types": False,
                "require_object": True,
                "max_body_bytes": 5242880,
                "determinism": "required",
                "remote_urls": False,
            },
        },
        {
            "path": "/",
            "generation": "Gen_0123-xyz",
            "rules": {
                "dialect": "sagemaker",
                "ignored_fields": [],
                "key_headers": [],
                "output_affecting_headers": [],
                "keep_number_types": True,
                "require_object": True,
                "max_body_bytes": 5242880,
                "determinism": "deterministic_endpoint",
                "remote_urls": True,
            },
        },
    ],
}


def with_changes(*changes):
    """The document with values put at places; ``...`` removes what is there."""
    document = json.loads(json.dumps(DOCUMENT))
    for place, value in changes:
        *way, last = place
        at = document
        for step in way:
            at = at[step]
        if value is ...:
            del at[last]
        else:
            at[last] = value
    return json.dumps(document).encode()


def test_the_document_holds_these_fields_and_no_others():
    assert json.loads(CONFIG.to_json()) == DOCUMENT
    assert b" " not in CONFIG.to_json()


def test_a_document_is_read_back_as_it_was():
    assert parse_edge_config(CONFIG.to_json()) == CONFIG
    assert parse_edge_config(json.dumps(DOCUMENT, indent=2).encode()) == CONFIG
    public = EdgeConfig(routes=(), access="public", payload_budget=0)
    assert parse_edge_config(public.to_json()) == public


def test_a_route_is_found_by_its_exact_path():
    assert CONFIG.route("/") == CONFIG.routes[1]
    assert CONFIG.route("/v1") is None


def test_fields_of_later_releases_are_skipped():
    changes = [(("hint",), 1), (("routes", 0, "hint"), {}), (("routes", 0, "rules", "hint"), None)]
    assert parse_edge_config(with_changes(*changes)) == CONFIG


@pytest.mark.parametrize("value", [None, ...])
def test_the_upload_url_may_be_absent(value):
    assert parse_edge_config(with_changes((("upload_url",), value))).upload_url is None


@pytest.mark.parametrize("version", [0, 2, -1])
def test_an_unknown_version_is_refused_before_anything_else_is_read(version):
    with pytest.raises(VersionRefusedError):
        parse_edge_config(with_changes((("version",), version), (("routes",), "of another shape")))
    with pytest.raises(VersionRefusedError):
        EdgeConfig(routes=(), version=version)


def test_a_lower_version_than_one_seen_before_is_refused():
    assert parse_edge_config(CONFIG.to_json(), at_least=1) == CONFIG
    with pytest.raises(VersionRefusedError, match="lower than 2, which was seen before"):
        parse_edge_config(CONFIG.to_json(), at_least=2)


RULE = ("routes", 0, "rules")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("version",), ..., "version is missing or not an integer"),
        (("version",), "1", "version is missing or not an integer"),
        (("version",), True, "version is missing or not an integer"),
        (("version",), 1.0, "version is missing or not an integer"),
        (("access",), "open", "access must be keyed or public"),
        (("access",), ["keyed"], "access is missing or not a text"),
        (("payload_budget",), 6145, "payload_budget must be between 0 and 6144"),
        (("payload_budget",), -1, "payload_budget must be between 0 and 6144"),
        (("payload_budget",), None, "payload_budget is missing or not an integer"),
        (("upload_url",), "http://model.example.com/", "upload_url must be https"),
        (("upload_url",), "https://user:hunter2@model.example.com/", "upload_url must be https"),
        (("upload_url",), "https://model.example.com/?key=hunter2", "upload_url must be https"),
        (("upload_url",), "https://model.example.com/#x", "upload_url must be https"),
        (("upload_url",), "https://model.example.com\n", "upload_url must be https"),
        (("upload_url",), 1, "upload_url is missing or not a text"),
        (("routes",), {}, "routes is missing or not a list"),
        (("routes", 0), [], "routes must be an object"),
        (("routes", 0, "path"), "/v1/", "is not a route"),
        (("routes", 0, "path"), "/", "a path stands there twice"),
        (("routes", 0, "path"), None, "path is missing or not a text"),
        (("routes", 0, "generation"), "Gen", "the generation of /v1/chat/completions"),
        (("routes", 0, "generation"), ..., "generation is missing or not a text"),
        (RULE, ..., "rules is missing or not an object"),
        (RULE, [], "rules is missing or not an object"),
        ((*RULE, "dialect"), "Open AI", "the rules of '/v1/chat/completions': dialect"),
        ((*RULE, "ignored_fields"), "user", "ignored_fields is missing or not a list"),
        ((*RULE, "ignored_fields"), [1], "ignored_fields must be a list of names"),
        ((*RULE, "key_headers"), ["authorization"], "is a credential"),
        ((*RULE, "keep_number_types"), 1, "keep_number_types is missing or not true or false"),
        ((*RULE, "require_object"), ..., "require_object is missing or not true or false"),
        ((*RULE, "max_body_bytes"), 0, "max_body_bytes"),
        ((*RULE, "determinism"), ..., "determinism is missing or not a text"),
        ((*RULE, "determinism"), ["required"], "determinism is missing or not a text"),
        (
            (*RULE, "determinism"),
            "mostly",
            "the rules of '/v1/chat/completions': determinism must be one of required, ",
        ),
        ((*RULE, "remote_urls"), ..., "remote_urls is missing or not true or false"),
        ((*RULE, "remote_urls"), 0, "remote_urls is missing or not true or false"),
        ((*RULE, "max_body_bytes"), True, "max_body_bytes is missing or not an integer"),
    ],
)
def test_a_malformed_document_is_an_error_that_names_the_field(place, value, said):
    with pytest.raises(DiscoveryError, match=said) as caught:
        parse_edge_config(with_changes((place, value)))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "upload_url", ["http://localhost:8000", "http://127.0.0.1:8000/x", "https://m.example.com:8443/a/b"]
)
def test_an_upload_url_is_https_or_on_this_machine(upload_url):
    config = EdgeConfig(routes=(), upload_url=upload_url)
    assert parse_edge_config(config.to_json()) == config


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "not-json"),
        (b"<html>", "not-json"),
        (b"[]", "the document must be an object"),
        (b'{"version":1,"version":1}', "duplicate-key"),
        (b"[" * 100_000, "too-deep"),
        (b" " * 300_000, "too-large"),
        (CONFIG.to_json() + b"x", "trailing-data"),
        (b"\xff", "not-utf8"),
    ],
)
def test_a_document_that_is_not_sound_json_is_an_error(document, said):
    with pytest.raises(DiscoveryError, match=said):
        parse_edge_config(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*DOCUMENT, "path", "rules"]), inner),
    max_leaves=8,
)
known_places = (
    [(name,) for name in DOCUMENT] + [("routes", 0)] + [("routes", 0, name) for name in DOCUMENT["routes"][0]]
)
known_places += [(*RULE, name) for name in DOCUMENT["routes"][0]["rules"]]


@given(
    st.binary(max_size=100)
    | st.builds(lambda place, value: with_changes((place, value)), st.sampled_from(known_places), json_values)
)
def test_any_bytes_are_a_document_or_a_discovery_error(document):
    try:
        config = parse_edge_config(document)
    except DiscoveryError:
        return
    assert parse_edge_config(config.to_json()) == config


def test_a_caller_deep_in_its_own_stack_gets_a_discovery_error():
    document = b'{"version":' + b"[" * 250 + b"]" * 250 + b"}"
    frame, used = sys._getframe(), 0
    while frame is not None:
        frame, used = frame.f_back, used + 1
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(used + 60)
    try:
        with pytest.raises(DiscoveryError):
            parse_edge_config(document)
    finally:
        sys.setrecursionlimit(limit)
