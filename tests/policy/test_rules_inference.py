import pytest

from inference_edge_cache.inference_rules import route_rules
from inference_edge_cache.policy import CacheKey, CachePolicy, InferencePolicy
from inference_edge_cache.policy.rules_inference import UNKEYABLE, inference_problems
from inference_edge_cache.protocol import RulesError
from inference_edge_cache.protocol.rules import CREDENTIAL_HEADERS, MESSAGE_HEADERS, OWN_HEADERS


def chat(**fields) -> InferencePolicy:
    return InferencePolicy(dialect="openai-chat", **fields)


RULES = [
    # the two policies of a route, and where their problems are
    (CachePolicy(), chat(), []),
    (CachePolicy(), chat(key_headers=["accept", "content-type", "openai-beta"]), []),
    (CachePolicy(), chat(key_headers=["Authorization", "x-a"]), ["r.inference.key_headers"]),
    (CachePolicy(), chat(key_headers=["host", "inference-cache"]), ["r.inference.key_headers"] * 2),
    # The mode, and what would overrule the gateway.
    (CachePolicy(mode="bypass"), chat(), ["r.policy.mode"]),
    (CachePolicy(mode="bypass", negative_ttl={404: 5}, key=CacheKey(headers=["x-a"])), chat(), ["r.policy.mode"]),
    (CachePolicy(mode="force"), chat(), ["r.policy.mode"]),
    (CachePolicy(mode="force", default_ttl="30d"), chat(result_max_age="1h"), ["r.policy.mode"]),
    (CachePolicy(min_ttl=1), chat(), ["r.policy.min_ttl"]),
    (CachePolicy(min_ttl=0), chat(), []),
    (
        CachePolicy(negative_ttl={404: 10, 503: "1s"}),
        chat(),
        ['r.policy.negative_ttl["404"]', 'r.policy.negative_ttl["503"]'],
    ),
    (CachePolicy(negative_ttl={404: 0}), chat(), []),
    # The key.
    (CachePolicy(key=CacheKey(query="none")), chat(), []),
    (CachePolicy(key=CacheKey(query="all")), chat(), []),
    (CachePolicy(key=CacheKey(query_only=[])), chat(), []),
    (CachePolicy(key=CacheKey(query_only=["a"])), chat(), ["r.policy.key.query_only"]),
    (CachePolicy(key=CacheKey(query_except=["a"])), chat(), ["r.policy.key.query_except"]),
    (
        CachePolicy(key=CacheKey(headers=["x-a"], cookies=["s"])),
        chat(),
        ["r.policy.key.headers", "r.policy.key.cookies"],
    ),
    # How old an answer becomes.
    (CachePolicy(default_ttl="1h"), chat(result_max_age="1h"), []),
    (CachePolicy(default_ttl="1h"), chat(result_max_age="30d"), []),
    (CachePolicy(default_ttl=0), chat(result_max_age="1m"), []),
    (CachePolicy(), chat(result_max_age=0), ["r.inference.result_max_age"]),
    (CachePolicy(default_ttl="1h"), chat(result_max_age="59m"), ["r.inference.result_max_age"]),
    (CachePolicy(default_ttl="2d"), chat(), []),  # more than max_ttl, as policy_problems says
    (CachePolicy(default_ttl=0, max_ttl=0), chat(), []),  # keeps nothing, as policy_problems says
    (CachePolicy(browser_ttl="1d"), chat(), []),
    (CachePolicy(browser_ttl="2d"), chat(), ["r.policy.browser_ttl"]),
    (CachePolicy(browser_ttl="2d"), chat(result_max_age="2d"), []),
    (CachePolicy(browser_ttl="2h"), chat(result_max_age="1h"), ["r.policy.browser_ttl"]),
    (CachePolicy(stale_if_error="23h", stale_while_revalidate="23h"), chat(), []),
    (CachePolicy(stale_if_error="1d"), chat(), ["r.policy.stale_if_error"]),
    (CachePolicy(stale_while_revalidate="1d"), chat(result_max_age="25h"), []),
    (CachePolicy(stale_while_revalidate=1), chat(result_max_age="1h"), ["r.policy.stale_while_revalidate"]),
]


@pytest.mark.parametrize(("policy", "inference", "paths"), RULES)
def test_what_the_two_policies_may_not_say_together(policy, inference, paths):
    assert [problem.path for problem in inference_problems(policy, inference, "r")] == paths


@pytest.mark.parametrize(("policy", "inference", "paths"), [rule for rule in RULES if rule[2]])
def test_every_problem_says_what_is_wrong_and_what_to_do(policy, inference, paths):
    for problem in inference_problems(policy, inference, "r"):
        assert problem.kind == "invalid"
        assert problem.value not in ("", "<hidden>")
        assert problem.limit
        assert problem.remedy


def test_all_problems_are_found_at_once():
    policy = CachePolicy(min_ttl=1, browser_ttl="2d", key=CacheKey(cookies=["s"]))
    assert len(inference_problems(policy, chat(key_headers=["cookie"]), "r")) == 4


def test_the_only_route_of_a_cache_has_no_name():
    (problem,) = inference_problems(CachePolicy(mode="force"), chat(), "")
    assert str(problem).splitlines() == [
        "policy.mode = 'force'",
        "      would keep what the gateway marks no-store: answers that were sampled, or cut short",
        "      fix: choose mode honor_origin: the gateway says default_ttl with what it keeps",
    ]


@pytest.mark.parametrize(
    ("policy", "inference", "limit", "fix"),
    [
        (
            CachePolicy(default_ttl="1h"),
            chat(result_max_age="10m"),
            "must be at least default_ttl, which is 3600 (1h)",
            "raise it, or lower policy.default_ttl to at most 600",
        ),
        (
            CachePolicy(stale_if_error="1d"),
            chat(),
            "an answer becomes at most 86400 (1d) old, and default_ttl takes 3600 of it",
            "lower it to at most 82800, or raise inference.result_max_age to at least 90000",
        ),
        (
            CachePolicy(stale_if_error="1d"),
            chat(result_max_age="1h"),
            "an answer becomes at most 3600 (1h) old, and default_ttl takes 3600 of it",
            "remove it, or raise inference.result_max_age to at least 90000",
        ),
        (
            CachePolicy(browser_ttl="2d"),
            chat(),
            "an answer becomes at most 86400 (1d) old",
            "lower it to at most 86400, or raise inference.result_max_age to at least 172800",
        ),
    ],
)
def test_the_remedies_name_numbers_that_work(policy, inference, limit, fix):
    (problem,) = inference_problems(policy, inference, "r")
    assert (problem.limit, problem.remedy) == (limit, fix)


def test_policy_and_protocol_refuse_the_same_headers_for_the_same_reasons():
    assert [names for names, _, _ in UNKEYABLE] == [CREDENTIAL_HEADERS, OWN_HEADERS, MESSAGE_HEADERS]


@pytest.mark.parametrize("header", sorted(CREDENTIAL_HEADERS | MESSAGE_HEADERS | OWN_HEADERS))
def test_what_the_protocol_refuses_in_a_key_is_a_problem_with_a_remedy(header):
    inference = chat(key_headers=[header])
    (problem,) = inference_problems(CachePolicy(), inference, "")
    assert (problem.path, problem.value) == ("inference.key_headers", repr(header))
    with pytest.raises(RulesError):
        route_rules(inference)


@pytest.mark.parametrize("header", ["accept", "content-type", "openai-beta", "x-tenant", "cookies"])
def test_any_other_header_may_be_in_a_key(header):
    inference = chat(key_headers=[header])
    assert inference_problems(CachePolicy(), inference, "") == []
    assert route_rules(inference).key_headers == (header,)


def test_a_header_of_a_copied_policy_counts_in_any_case():
    inference = chat().model_copy(update={"key_headers": ["Authorization"]})
    assert len(inference_problems(CachePolicy(), inference, "")) == 1
