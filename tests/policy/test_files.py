import pytest

from inference_edge_cache import PolicyFileError
from inference_edge_cache.policy import PRESETS, CachePolicy, dump_policy, load_policy, parse_policy


def test_a_policy_is_read_from_yaml(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text("default_ttl: 15m\nmax_ttl: 1h\nkey:\n  query_only: [text]\nnegative_ttl:\n  404: 10s\n")
    assert load_policy(file) == CachePolicy(
        default_ttl=900, max_ttl=3600, key={"query_only": ["text"]}, negative_ttl={"404": 10}
    )


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_yaml_survives_the_round_trip(preset):
    assert parse_policy(dump_policy(preset.policy)) == preset.policy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("default_ttl: [\n", "p.yaml, line 2: "),
        ("a: 1\n\tb: 2", "p.yaml, line 2: found character '\\t' that cannot start any token"),
        ("", "p.yaml: holds no policy; start with a line such as: default_ttl: 1h"),
        ("- 1", "p.yaml: holds no policy; start with a line such as: default_ttl: 1h"),
        ("ttl: 1h", "p.yaml:\n  line 1: ttl: is not a known field; did you mean min_ttl?"),
        ("mode: force\nxyz: 1", "p.yaml:\n  line 2: xyz: is not a known field; use one of mode, default_ttl, "),
        (
            "key:\n  query: all\n  headrs: [a]",
            "p.yaml:\n  line 3: key.headrs: is not a known field; did you mean headers?",
        ),
        ("default_ttl: 1h\ndefault_ttl: 2h", "p.yaml, line 2: default_ttl stands twice"),
        ("key: {query: all, query: none}", "p.yaml, line 1: query stands twice"),
        (
            "max_ttl: soon\nmode: x",
            "p.yaml:\n  line 1: max_ttl: must be whole seconds",
        ),
        ("default_ttl: \x00", "p.yaml: not YAML: "),
    ],
)
def test_what_is_not_a_policy_is_one_clear_error(text, message):
    with pytest.raises(PolicyFileError) as caught:
        parse_policy(text, source="p.yaml")
    assert str(caught.value).startswith(message)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PolicyFileError, match=r"none\.yaml: No such file"):
        load_policy(tmp_path / "none.yaml")


def test_a_file_that_is_not_text_is_named(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyFileError, match=r"policy\.yaml: not UTF-8 text"):
        load_policy(file)
