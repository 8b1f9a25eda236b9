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
        ({"key_headers": ("Content-Length",)}, "content-length is about one message"),
        ({"key_headers": ("transfer-encoding",)}, "transfer-encoding is about one message"),
        ({"key_headers": ("host",)}, "host is about one message"),
        ({"key_headers": ("accept-encoding",)}, "accept-encoding is about one message"),
        ({"determinism": "maybe"}, "determinism must be one of required, sampling_allowed, deterministic_endpoint"),
        ({"determinism": ["required"]}, "determinism must be one of"),
        ({"determinism": None}, "determinism must be one of"),
        ({"remote_urls": "no"}, "remote_urls must be true or false"),
        ({"remote_urls": 1}, "remote_urls must be true or false"),
        ({"keep_number_types": None}, "keep_number_types must be true or false"),
        ({"require_object": 0}, "require_object must be true or false"),
    ],
)
def test_rules_that_contradict_the_protocol_are_refused(fields, said):
    with pytest.raises(RulesError, match=said):
        RouteRules(**({"dialect": "any"} | fields))


def test_what_a_request_means_and_takes_may_be_in_its_key():
    assert RouteRules(dialect="any", key_headers=("accept", "content-type")).key_headers == ("accept", "content-type")


def test_without_a_word_the_request_itself_must_rule_sampling_out_and_hold_its_content():
    rules = RouteRules(dialect="any")
    assert (rules.determinism, rules.remote_urls) == ("required", False)


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({"dialect": "tgi"}, True),
        ({"ignored_fields": ()}, True),
        ({"key_headers": ()}, True),
        ({"keep_number_types": True}, True),
        # Answers that were kept under a laxer rule must be out of reach under a stricter one.
        ({"determinism": "sampling_allowed"}, True),
        ({"remote_urls": True}, True),
        # Decides which requests are keyed, not what the answer to a keyed one is.
        ({"output_affecting_headers": ("openai-beta",)}, False),
        ({"require_object": False}, False),
        ({"max_body_bytes": 1}, False),
    ],
)
def test_the_generation_changes_with_the_rules_that_decide_what_an_answer_answers(changed, counts):
    fields = {"dialect": "openai-chat", "ignored_fields": ("user",), "key_headers": ("x-a",)}
    origin = OriginIdentity(endpoint="https://model.example.com")
    before, after = (effective_generation("1", origin, RouteRules(**f)) for f in (fields, fields | changed))
    assert (before != after) == counts


@pytest.mark.parametrize(("generation", "endpoint"), [("\ud800", "e"), ("1", "\ud800")])
def test_a_generation_of_text_without_utf_8_is_refused(generation, endpoint):
    with pytest.raises(RulesError, match="lone surrogate"):
        effective_generation(generation, OriginIdentity(endpoint=endpoint), RouteRules(dialect="any"))
