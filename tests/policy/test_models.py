import jsonschema
import pytest
from pydantic import ValidationError

from inference_edge_cache.policy import CacheKey, CacheMode, CachePolicy, QueryMode


def test_the_default_policy_honors_the_origin_for_an_hour_and_at_most_a_day():
    policy = CachePolicy()
    assert policy.mode is CacheMode.HONOR_ORIGIN
    assert (policy.min_ttl, policy.default_ttl, policy.max_ttl, policy.browser_ttl) == (0, 3600, 86_400, None)
    assert policy.key == CacheKey(query=QueryMode.ALL, headers=[], cookies=[])
    assert policy.negative_ttl == {}
    assert policy.compression is True


def test_everything_is_seconds_inside():
    policy = CachePolicy(default_ttl="1h", min_ttl=3.0, max_ttl="7d", browser_ttl="90s", negative_ttl={404: "10s"})
    assert (policy.default_ttl, policy.min_ttl, policy.max_ttl, policy.browser_ttl) == (3600, 3, 604_800, 90)
    assert policy.negative_ttl == {"404": 10}


@pytest.mark.parametrize("status", [404, "404", 404.0])
def test_a_status_may_be_a_number_or_a_text(status):
    assert CachePolicy(negative_ttl={status: 5}).negative_ttl == {"404": 5}


def test_headers_are_lower_cased_and_every_list_of_names_is_sorted():
    key = CacheKey(headers=["X-Variant", "Accept-Language"], cookies=["b", "A"], query_only=["z", "a"])
    assert key.headers == ["accept-language", "x-variant"]
    assert key.cookies == ["A", "b"]
    assert key.query_only == ["a", "z"]


def test_none_means_not_given():
    given = {"default_ttl": None, "key": None, "negative_ttl": None, "compression": None, "mode": None}
    policy = CachePolicy.model_validate(given)
    assert policy == CachePolicy()
    assert policy.model_fields_set == set()


def test_a_policy_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        CachePolicy().max_ttl = 5


WRONG = [
    ({"ttl": 5}, "ttl", "Extra inputs"),
    ({"default_ttl": -1}, "default_ttl", "whole seconds"),
    ({"default_ttl": True}, "default_ttl", "whole seconds"),
    ({"mode": "always"}, "mode", "'honor_origin', 'force' or 'bypass'"),
    ({"key": {"header": ["a"]}}, "key.header", "Extra inputs"),
    ({"key": {"headers": ["X-A", "x-a"]}}, "key.headers", "names x-a twice"),
    ({"key": {"headers": ["x a"]}}, "key.headers", "cannot be the name"),
    ({"key": {"cookies": ["a=b"]}}, "key.cookies", "cannot be the name"),
    ({"key": {"cookies": [""]}}, "key.cookies", "empty name"),
    ({"key": {"query_only": ["a", "a"]}}, "key.query_only", "names a twice"),
    ({"key": {"query_only": "model"}}, "key.query_only", "list of names"),
    ({"key": {"headers": [3]}}, "key.headers", "list of names"),
    ({"key": {"headers": {"x-a", "x-b"}}}, "key.headers", "list of names"),
    ({"key": {"cookies": ["*"]}}, "key.cookies", 'holds "*"'),
    ({"negative_ttl": {200: 5}}, "negative_ttl", "300 to 599"),
    ({"negative_ttl": {True: 5}}, "negative_ttl", "300 to 599"),
    ({"negative_ttl": {"404": 5, 404: 6}}, "negative_ttl", "names 404 twice"),
    ({"negative_ttl": {404: "soon"}}, "negative_ttl", "whole seconds"),
    ({"negative_ttl": [404]}, "negative_ttl", "valid dictionary"),
    ({"compression": "maybe"}, "compression", "valid boolean"),
]


@pytest.mark.parametrize(("given", "field", "message"), WRONG)
def test_a_wrong_field_is_refused_by_name(given, field, message):
    with pytest.raises(ValidationError) as caught:
        CachePolicy.model_validate(given)
    (error,) = caught.value.errors()
    assert ".".join(map(str, error["loc"])) == field
    assert message in error["msg"]


def test_errors_never_show_what_was_passed_in():
    with pytest.raises(ValidationError) as caught:
        CachePolicy.model_validate({"mode": "s3cr3t", "key": {"headers": ["s3cr3t value"]}, "s3cr": "s3cr3t"})
    assert "input_value" not in str(caught.value)


@pytest.mark.parametrize(
    "policy",
    [
        CachePolicy(),
        CachePolicy(mode="bypass"),
        CachePolicy(default_ttl="2h", key=CacheKey(query_only=["b", "a"]), negative_ttl={404: "10s", 503: 0}),
        CachePolicy(mode="force", default_ttl=60, browser_ttl=30, compression=False),
    ],
)
def test_a_policy_survives_being_dumped_and_loaded(policy):
    again = CachePolicy.from_dict(policy.to_dict())
    assert again == policy
    assert again.model_fields_set == policy.model_fields_set


@pytest.mark.parametrize(
    "accepted",
    [
        {},
        {"default_ttl": 90, "max_ttl": "7d", "negative_ttl": {"404": "10s", "500": 3}},
        {"mode": "force", "key": {"query": "none", "headers": ["x-a"]}, "browser_ttl": "1m"},
    ],
)
def test_the_json_schema_accepts_what_the_model_accepts(accepted):
    jsonschema.validate(accepted, CachePolicy.model_json_schema())
    CachePolicy.from_dict(accepted)


@pytest.mark.parametrize(
    "refused",
    [{"default_ttl": "soon"}, {"default_ttl": -1}, {"ttl": 5}, {"negative_ttl": {"200": 5}}, {"key": {"header": []}}],
)
def test_the_json_schema_refuses_what_the_model_refuses(refused):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(refused, CachePolicy.model_json_schema())
    with pytest.raises(ValidationError):
        CachePolicy.from_dict(refused)


def test_the_json_schema_describes_every_field():
    schema = CachePolicy.model_json_schema()
    assert set(schema["properties"]) == set(CachePolicy.model_fields)
    assert all(field.description for field in CachePolicy.model_fields.values())
