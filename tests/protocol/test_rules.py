import pytest

from inference_edge_cache.protocol import OriginIdentity, RouteRules, RulesError, effective_generation


def test_names_are_sorted_and_header_names_lower_cased():
    rules = RouteRules(
        dialect="openai-chat",
        ignored_fields=("user", "metadata"),
        key_headers=("X-B", "x-a"),
        output_affecting_headers=("OpenAI-Beta",),
    )
    assert rules.ignored_fields == ("metadata", "user")
    assert rules.key_headers == ("x-a", "x-b")
    assert rules.output_affecting_headers == ("openai-beta",)
    assert hash(rules) == hash(RouteRules(**{name: getattr(rules, name) for name in rules.__dataclass_fields__}))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"dialect": ""}, "dialect"),
        ({"dialect": "OpenAI chat"}, "dialect"),
        ({"max_body_bytes": 0}, "max_body_bytes"),
        ({"max_body_bytes": 2**32}, "max_body_bytes"),
        ({"ignored_fields": ("",)}, "ignored_fields"),
        ({"ignored_fields": ("\ud800",)}, "ignored_fields"),
        ({"ignored_fields": ("user", "user")}, "ignored_fields: a name stands there twice"),
        ({"ignored_fields": "user"}, "ignored_fields: 'user' is one name, not a list"),
        ({"key_headers": ("x a",)}, "key_headers"),
        ({"key_headers": ("",)}, "key_headers"),
        ({"key_headers": ("x-\u00e9",)}, "key_headers"),
        ({"key_headers": ("X-A", "x-a")}, "key_headers: a name stands there twice"),
        ({"output_affecting_headers": ("x:",)}, "output_affecting_headers"),
        ({"key_headers": ("Authorization",)}, "authorization is a credential"),
        ({"key_headers": ("X-Api-Key",)}, "x-api-key is a credential"),
        ({"key_headers": ("Cookie",)}, "cookie is a credential"),
        ({"key_headers": ("Inference-Payload",)}, "one of the protocol's own"),
    ],
)
def test_rules_that_contradict_the_protocol_are_refused(fields, said):
    with pytest.raises(RulesError, match=said):
        RouteRules(**({"dialect": "any"} | fields))


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({"dialect": "tgi"}, True),
        ({"ignored_fields": ()}, True),
        ({"key_headers": ()}, True),
        ({"keep_number_types": True}, True),
        # Decides which requests are keyed, not what the answer to a keyed one is.
        ({"output_affecting_headers": ("openai-beta",)}, False),
        ({"require_object": False}, False),
        ({"max_body_bytes": 1}, False),
    ],
)
def test_the_generation_changes_with_the_rules_that_decide_what_an_answer_answers(changed, counts):
    fields = {"dialect": "openai-chat", "ignored_fields": ("user",), "key_headers": ("x-a",)}
    origin = OriginIdentity(endpoint="https://model.example.com")
    before, after = (effective_generation("1", origin, RouteRules(**f), "explicit") for f in (fields, fields | changed))
    assert (before != after) == counts


@pytest.mark.parametrize("place", ["generation", "endpoint", "determinism"])
def test_a_generation_of_text_without_utf_8_is_refused(place):
    texts = {"generation": "1", "endpoint": "e", "determinism": "explicit"} | {place: "\ud800"}
    with pytest.raises(RulesError):
        effective_generation(
            texts["generation"],
            OriginIdentity(endpoint=texts["endpoint"]),
            RouteRules(dialect="any"),
            texts["determinism"],
        )
