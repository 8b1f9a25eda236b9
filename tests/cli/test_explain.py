"""``explain``: the same key, the first difference, or a bypass."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_edge_cache.cli.difference import LONGEST, Difference, first_difference

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0}


@pytest.fixture
def explained(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def explained(first, second, *options):
        for name, document in (("A.json", first), ("B.json", second)):
            (tmp_path / name).write_text(document if isinstance(document, str) else json.dumps(document))
        return run("explain", "A.json", "B.json", *options)

    return explained


def test_the_same_request_written_in_two_ways(explained):
    second = '{"temperature": 0.0, "messages": [{"content": "h\\u0069", "role": "user"}], "model": "m"}'
    ran = explained(BODY, second)
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "the same key",
        "  ignored  nothing",
        "  because  what is left after RFC 8785 is the same",
    ]


def test_ignored_fields_are_named_with_the_policys_reason(explained):
    ran = explained({**BODY, "user": "alice", "metadata": {"a": "1"}}, {**BODY, "user": "bob", "metadata": {"a": "1"}})
    assert ran.code == 0
    assert "  ignored  metadata, user (differs)" in ran.out
    assert "they tell the provider who asks" in ran.out
    assert "alice" not in ran.out


def test_the_first_difference_by_its_path(explained):
    ran = explained(BODY, {**BODY, "messages": [{"role": "user", "content": "Hi"}], "user": "x"})
    assert ran.code == 1
    assert ran.out.splitlines()[:4] == [
        "different keys: $.messages[0].content",
        '  A.json   text "hi"',
        '  B.json   text "Hi"',
        "  ignored  user (differs)",
    ]
    assert "what openai_chat ignores: metadata, prompt_cache_key, " in " ".join(ran.out.split())


def test_a_preset_that_ignores_nothing_says_so(explained):
    ran = explained({"input": "a"}, {"input": "b"}, "--preset", "moderation")
    assert ran.code == 1
    assert "what moderation ignores: nothing" in " ".join(ran.out.split())


@pytest.mark.parametrize(("first", "second"), [({}, BODY), (BODY, {}), ({}, {})])
def test_a_bypass_wins(explained, first, second):
    ran = explained(first, second)
    assert ran.code == 2
    assert ran.out.count("bypass, not-deterministic: temperature") == [first, second].count({})


def test_the_types_of_numbers_count_for_tensors_and_not_for_chat(explained):
    assert explained({**BODY, "top_k": 1}, {**BODY, "top_k": 1.0}).code == 0
    ran = explained({**BODY, "top_k": 1}, {**BODY, "top_k": 1.0}, "--preset", "sagemaker")
    assert ran.code == 1
    assert ran.out.splitlines()[:3] == ["different keys: $.top_k", "  A.json   number 1", "  B.json   number 1.0"]


def test_wrong_input_is_one_clear_line(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = run("explain", "A.json", "B.json")
    assert (ran.code, ran.out, ran.err) == (2, "", "error: A.json: No such file or directory\n")
    ran = run("explain", "A.json", "B.json", "--preset", "nope")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no such preset" in ran.err


FOUND = [
    # first, second, path, what is said of the two
    ({"a": 1}, {"a": 2}, "$.a", ("number 1", "number 2")),
    ({"a": 1}, {}, "$.a", ("number 1", "absent")),
    ({}, {"a": None}, "$.a", ("absent", "null")),
    ({"b": 1, "a": 1}, {"b": 2, "a": 2}, "$.a", ("number 1", "number 2")),
    ([1, 2], [1], "$[1]", ("number 2", "absent")),
    ([1], [True], "$[0]", ("number 1", "boolean true")),
    ([0.0], [-0.0], "$[0]", ("number 0.0", "number -0.0")),
    ([{}], [[]], "$[0]", ("an object of 0 fields", "a list of 0 items")),
    ({"a b": 1}, {"a b": 2}, '$["a b"]', ("number 1", "number 2")),
    ({"": "x"}, {"": None}, '$[""]', ('text "x"', "null")),
    ({"k" * 99: 1}, {}, f'$["{"k" * LONGEST}"]', ("number 1", "absent")),
    (["\u00e9"], ["e\u0301"], "$[0]", ('text "\u00e9"', 'text "e\u0301"')),
    (["a\u200b"], ["a\u200c"], "$[0]", ('text "a\\u200b"', 'text "a\\u200c"')),
    (["\x1b[2J"], [""], "$[0]", ('text "\\u001b[2J"', 'text ""')),
    (
        ["x" * 100 + "A"],
        ["x" * 100 + "B"],
        "$[0]",
        (
            'text of 101 characters, from 90 on: "xxxxxxxxxxA"',
            'text of 101 characters, from 90 on: "xxxxxxxxxxB"',
        ),
    ),
    (
        ["y" * 60],
        [3],
        "$[0]",
        (f'text of 60 characters, from 0 on: "{"y" * LONGEST}"', "number 3"),
    ),
    ({"a": {"b": [1, {"c": "x"}]}}, {"a": {"b": [1, {"c": "y"}]}}, "$.a.b[1].c", ('text "x"', 'text "y"')),
]


@pytest.mark.parametrize(("first", "second", "path", "words"), FOUND)
def test_a_difference_and_what_is_said_of_it(first, second, path, words):
    found = first_difference(first, second)
    assert found is not None
    assert (found.path, found.in_words()) == (path, words)


def test_texts_that_look_alike_are_shown_by_their_escapes():
    assert Difference("$", "\u00e9", "\u00e9").in_words() == ('text "\\u00e9"', 'text "\\u00e9"')


@given(st.text(), st.text())
def test_no_more_of_a_text_is_shown_than_forty_characters(first, second):
    for shown in Difference("$", first, second).in_words():
        quoted = shown[shown.index('"') :]
        assert len(json.loads(quoted)) <= LONGEST


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


@given(JSON, JSON)
def test_a_difference_is_found_exactly_when_there_is_one(first, second):
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (first_difference(first, second) is None) is same
