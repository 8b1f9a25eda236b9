import pytest

from inference_edge_cache.policy import PRESETS, CacheKey, CachePolicy, policy_problems

RULES = [
    # a policy, and where its problems are
    (CachePolicy(), []),
    (CachePolicy(min_ttl=0, default_ttl=0, max_ttl=1), []),
    (CachePolicy(min_ttl=60, default_ttl=60, max_ttl=60), []),
    (CachePolicy(min_ttl=61, default_ttl=60), ["p.min_ttl"]),
    (CachePolicy(default_ttl="2d"), ["p.default_ttl"]),
    (CachePolicy(min_ttl="3d", default_ttl="2d"), ["p.min_ttl", "p.default_ttl"]),
    (CachePolicy(default_ttl=0, max_ttl=0), ["p.default_ttl"]),
    (CachePolicy(mode="force", default_ttl=0), ["p.default_ttl"]),
    (CachePolicy(mode="force", default_ttl="30d"), []),
    (CachePolicy(mode="force", max_ttl="1d"), ["p.max_ttl"]),
    (CachePolicy(mode="force", min_ttl=5), ["p.min_ttl"]),
    (CachePolicy(mode="bypass"), []),
    (CachePolicy(mode="bypass", compression=False), []),
    (CachePolicy(mode="bypass", default_ttl=60), ["p.default_ttl"]),
    (CachePolicy(mode="bypass", key=CacheKey(headers=["x-a"])), ["p.key"]),
    (CachePolicy(mode="bypass", negative_ttl={404: 5}), ["p.negative_ttl"]),
    (CachePolicy(key=CacheKey(query_only=["a"])), []),
    (CachePolicy(key=CacheKey(query_only=["a"], query_except=["b"])), ["p.key"]),
    (CachePolicy(key=CacheKey(query="none", query_only=["a"])), ["p.key"]),
    (CachePolicy(key=CacheKey(query="none", query_except=[])), ["p.key"]),
]


@pytest.mark.parametrize(("policy", "paths"), RULES)
def test_what_a_policy_may_not_say(policy, paths):
    assert [problem.path for problem in policy_problems(policy, "p")] == paths


@pytest.mark.parametrize(("policy", "paths"), [rule for rule in RULES if rule[1]])
def test_every_problem_says_what_is_wrong_and_what_to_do(policy, paths):
    for problem in policy_problems(policy, "p"):
        assert problem.kind == "invalid"
        assert problem.limit
        assert problem.remedy
        assert problem.value


def test_a_problem_reads_as_path_value_limit_and_fix():
    (problem,) = policy_problems(CachePolicy(min_ttl=61, default_ttl=60), "policy")
    assert str(problem).splitlines() == [
        "policy.min_ttl = 61",
        "      must be at most default_ttl, which is 60 (1m)",
        "      fix: lower min_ttl, or raise default_ttl to at least 61",
    ]


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_a_preset_is_sound_and_gives_a_reason_for_every_field_it_sets(preset):
    assert policy_problems(preset.policy, "p") == []
    assert set(preset.reasons) == preset.policy.model_fields_set
    assert PRESETS[preset.name] is preset
    assert preset.load
