from typing import get_args

import jsonschema
import pytest
from pydantic import ValidationError

from inference_edge_cache.inference_rules import route_rules
from inference_edge_cache.policy import (
    INFERENCE_PRESETS,
    CachePolicy,
    Determinism,
    Dialect,
    InferencePolicy,
    parse_seconds,
    policy_problems,
)
from inference_edge_cache.policy.inference import NEVER_IGNORED
from inference_edge_cache.policy.rules_inference import inference_problems
from inference_edge_cache.protocol import Determinism as DeterminismWord
from inference_edge_cache.protocol import OriginIdentity, RouteRules, RulesError, dialects, effective_generation
from inference_edge_cache.protocol.rules import DEFAULT_MAX_BODY_BYTES, LARGEST_MAX_BODY_BYTES

PRESETS = pytest.mark.parametrize("preset", INFERENCE_PRESETS.values(), ids=INFERENCE_PRESETS)


def test_the_default_policy_asks_for_determinism_and_ignores_nothing():
    policy = InferencePolicy(dialect="openai-chat")
    assert policy.determinism is Determinism.REQUIRED
    assert (policy.ignored_fields, policy.key_headers, policy.remote_urls) == ([], [], False)
    assert policy.result_max_age is None
    assert policy.max_body_bytes == policy.max_result_bytes == DEFAULT_MAX_BODY_BYTES


def test_names_are_sorted_headers_lower_cased_and_ages_are_seconds_inside():
    policy = InferencePolicy(
        dialect="tgi", ignored_fields=["user", "Trace"], key_headers=["X-B", "x-a"], result_max_age="7d"
    )
    assert policy.ignored_fields == ["Trace", "user"]
    assert policy.key_headers == ["x-a", "x-b"]
    assert policy.result_max_age == 604_800


def test_numbers_of_other_languages_are_floats():
    policy = InferencePolicy.from_dict({"dialect": "tgi", "max_body_bytes": 1024.0, "result_max_age": 60.0})
    assert (policy.max_body_bytes, policy.result_max_age) == (1024, 60)


def test_none_means_not_given():
    given = dict.fromkeys(InferencePolicy.model_fields)
    policy = InferencePolicy.from_dict({**given, "dialect": "rerank"})
    assert policy == InferencePolicy(dialect="rerank")
    assert policy.model_fields_set == {"dialect"}


def test_a_policy_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        InferencePolicy(dialect="tgi").remote_urls = True


WRONG = [
    ({}, "dialect", "required"),
    ({"dialect": "anthropic"}, "dialect", "'openai-chat'"),
    ({"determinism": "maybe"}, "determinism", "'required', 'sampling_allowed' or 'deterministic_endpoint'"),
    ({"ignore": ["user"]}, "ignore", "Extra inputs"),
    ({"ignored_fields": ["user", "user"]}, "ignored_fields", "names user twice"),
    ({"ignored_fields": [""]}, "ignored_fields", "empty name"),
    ({"ignored_fields": "user"}, "ignored_fields", "list"),
    ({"ignored_fields": ["seed", "temperature"]}, "ignored_fields", "ignores seed, temperature, which decides"),
    ({"ignored_fields": ["stream"]}, "ignored_fields", "ignores stream"),
    ({"ignored_fields": ["store"]}, "ignored_fields", "ignores store"),
    ({"ignored_fields": ["web_search_options"]}, "ignored_fields", "ignores web_search_options"),
    ({"ignored_fields": ["guardrailConfig"]}, "ignored_fields", "ignores guardrailConfig"),
    ({"key_headers": ["X-A", "x-a"]}, "key_headers", "names x-a twice"),
    ({"key_headers": ["x a"]}, "key_headers", "cannot be the name"),
    ({"result_max_age": "soon"}, "result_max_age", "whole seconds"),
    ({"max_body_bytes": 0}, "max_body_bytes", "greater than or equal to 1"),
    ({"max_body_bytes": 2**40}, "max_body_bytes", "less than or equal to"),
    ({"max_result_bytes": True}, "max_result_bytes", "number of bytes"),
    ({"remote_urls": "perhaps"}, "remote_urls", "valid boolean"),
]


@pytest.mark.parametrize(("given", "field", "message"), WRONG)
def test_a_wrong_field_is_refused_by_name(given, field, message):
    with pytest.raises(ValidationError) as caught:
        InferencePolicy.from_dict({"dialect": "tgi", **given} if given else {})
    (error,) = caught.value.errors()
    assert ".".join(map(str, error["loc"])) == field
    assert message in error["msg"]


def test_a_policy_survives_being_dumped_and_loaded():
    policy = InferencePolicy(dialect="sagemaker", key_headers=["x-b", "x-a"], result_max_age="1h", remote_urls=True)
    again = InferencePolicy.from_dict(policy.to_dict())
    assert again == policy
    assert again.model_fields_set == policy.model_fields_set


def test_the_json_schema_describes_every_field_and_takes_durations():
    schema = InferencePolicy.model_json_schema()
    assert set(schema["properties"]) == set(InferencePolicy.model_fields)
    assert all(field.description for field in InferencePolicy.model_fields.values())
    jsonschema.validate({"dialect": "tgi", "result_max_age": "1h"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"dialect": "tgi", "result_max_age": "soon"}, schema)


def test_policy_and_protocol_know_the_same_dialects_and_rules():
    assert {dialect.value for dialect in Dialect} == set(dialects.DIALECTS)
    assert [rule.value for rule in Determinism] == list(get_args(DeterminismWord))
    assert route_rules(InferencePolicy(dialect="tgi", max_body_bytes=LARGEST_MAX_BODY_BYTES)).max_body_bytes == 2**28


def test_a_policy_becomes_the_rules_of_its_route():
    policy = InferencePolicy(
        dialect="openai-chat",
        ignored_fields=["user"],
        key_headers=["OpenAI-Beta"],
        max_body_bytes=1000,
        determinism="sampling_allowed",
        remote_urls=True,
    )
    assert route_rules(policy) == RouteRules(
        dialect="openai-chat",
        ignored_fields=("user",),
        key_headers=("openai-beta",),
        output_affecting_headers=("anthropic-beta", "anthropic-version", "openai-beta"),
        keep_number_types=False,
        require_object=True,
        max_body_bytes=1000,
        determinism="sampling_allowed",
        remote_urls=True,
    )
    strictest = route_rules(InferencePolicy(dialect="openai-chat"))
    assert (strictest.determinism, strictest.remote_urls) == ("required", False)


class Watched(dict):
    """A document that notes which of its fields are looked for."""

    def __init__(self, document, looked_for):
        super().__init__(document)
        self.looked_for = looked_for

    def get(self, name, default=None):
        self.looked_for.add(name)
        return super().get(name, default)

    def __getitem__(self, name):
        self.looked_for.add(name)
        return super().__getitem__(name)

    def __contains__(self, name):
        self.looked_for.add(name)
        return super().__contains__(name)


def test_no_field_by_which_a_request_is_judged_can_be_ignored():
    """It would be judged by its absence: ``store`` could say true, and the request would be stored."""
    looked_for = set()
    documents = [
        {},
        {"store": False, "temperature": 0},
        {"messages": [], "seed": 1},
        {"n": 2, "prompt": {"version": "1"}},
    ]
    for dialect in dialects.DIALECTS:
        for document in documents:
            dialects.request_storable(dialect, Watched(document, looked_for), "required")
    assert {"temperature", "web_search_options", "promptVariables", "guardrailConfig", "background"} <= looked_for
    assert looked_for <= NEVER_IGNORED


def test_a_credential_is_never_in_a_key():
    with pytest.raises(RulesError, match="authorization is a credential"):
        route_rules(InferencePolicy(dialect="tgi", key_headers=["Authorization"]))


@pytest.mark.parametrize("rule", list(Determinism))
def test_a_laxer_rule_is_another_generation(rule):
    strict, lax = (InferencePolicy(dialect="tgi", determinism=rule, remote_urls=remote) for remote in (False, True))
    rules = route_rules(strict), route_rules(lax)
    assert [each.determinism for each in rules] == [rule.value, rule.value]
    assert len({effective_generation("1", OriginIdentity(endpoint="e"), each) for each in rules}) == 2


def test_a_copy_with_plain_words_is_read_like_a_policy():
    copy = INFERENCE_PRESETS["openai_chat"].inference.model_copy(update={"determinism": "sampling_allowed"})
    assert route_rules(copy).determinism == "sampling_allowed"


def test_there_is_a_preset_for_each_kind_of_route():
    assert list(INFERENCE_PRESETS) == [
        "openai_chat",
        "openai_responses",
        "embeddings",
        "rerank",
        "moderation",
        "classification",
        "sagemaker",
        "bedrock_converse",
        "vertex_predict",
    ]
    assert {preset.name for preset in INFERENCE_PRESETS.values()} == set(INFERENCE_PRESETS)


@PRESETS
def test_a_preset_gives_the_reason_for_every_field_it_sets(preset):
    assert set(preset.reasons) == preset.policy.model_fields_set | preset.inference.model_fields_set


@PRESETS
def test_a_preset_can_be_used(preset):
    assert policy_problems(preset.policy, "policy") == []
    assert inference_problems(preset.policy, preset.inference, "") == []
    assert isinstance(preset.policy, CachePolicy)
    assert parse_seconds(preset.policy.default_ttl) <= parse_seconds(preset.policy.max_ttl)
    assert route_rules(preset.inference).dialect == preset.inference.dialect


@pytest.mark.parametrize("preset", ["embeddings", "rerank", "moderation", "classification"])
def test_only_what_never_samples_is_a_deterministic_endpoint(preset):
    assert INFERENCE_PRESETS[preset].inference.determinism is Determinism.DETERMINISTIC_ENDPOINT
    others = set(INFERENCE_PRESETS) - {"embeddings", "rerank", "moderation", "classification"}
    assert {INFERENCE_PRESETS[name].inference.determinism for name in others} == {Determinism.REQUIRED}


def test_sagemaker_and_vertex_keep_the_types_of_numbers_apart():
    apart = {name for name, preset in INFERENCE_PRESETS.items() if route_rules(preset.inference).keep_number_types}
    assert apart == {"sagemaker", "vertex_predict"}
