"""Asking a recording."""

import pickle
from types import MappingProxyType

import pytest

from inference_edge_cache.testing import Recording, RecordingError, Secret, Unknown, record, reveal


@pytest.fixture(scope="module")
def recording():
    import pulumi

    def program():
        web = pulumi.ComponentResource("test:web:Site", "web")
        below = pulumi.ResourceOptions(parent=web)
        origins = [{"domainName": "a.example", "headers": pulumi.Output.secret({"X-Key": "k"})}]
        pulumi.CustomResource("aws:cloudfront/distribution:Distribution", "cdn", {"origins": origins}, below)
        pulumi.CustomResource("aws:s3/bucket:Bucket", "logs", {}, below)
        pulumi.CustomResource("aws:s3/bucket:Bucket", "web", {})

    return record(program)


TREE = """\
aws:s3/bucket:Bucket web
test:web:Site web
  aws:cloudfront/distribution:Distribution cdn
  aws:s3/bucket:Bucket logs"""


def test_the_tree_shows_type_and_name_of_everything(recording):
    assert recording.tree() == TREE
    assert Recording((), {}).tree() == ""


@pytest.mark.parametrize(
    "wanted",
    [
        "cdn",
        "Distribution",
        "aws:cloudfront/distribution:Distribution",
        "urn:pulumi:stack::project::test:web:Site$aws:cloudfront/distribution:Distribution::cdn",
    ],
)
def test_one_finds_by_name_type_or_urn(recording, wanted):
    assert recording.one(wanted).name == "cdn"


@pytest.mark.parametrize(("wanted", "count"), [("nothing", 0), ("Bucket", 2), ("web", 2)])
def test_one_refuses_none_and_several_and_shows_the_tree(recording, wanted, count):
    with pytest.raises(RecordingError) as caught:
        recording.one(wanted)
    assert f"expected one resource of type or name '{wanted}', found {count} in:\n{TREE}" == str(caught.value)


def test_of_type_finds_all_of_a_type(recording):
    assert [r.name for r in recording.of_type("Bucket")] == ["web", "logs"]
    assert recording.of_type("aws:s3/bucket:Bucket") == recording.of_type("Bucket")
    assert recording.of_type("Nothing") == ()


def test_children_are_those_directly_below(recording):
    assert [r.name for r in recording.children("Site")] == ["cdn", "logs"]
    assert recording.children(recording.one("Site")) == recording.children("Site")
    assert [r.type for r in recording.children()] == ["aws:s3/bucket:Bucket", "test:web:Site"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("origins.0.domainName", "a.example"),
        ("origins.0.headers", Secret({"X-Key": "k"})),
        ("origins.0.headers.X-Key", "k"),
    ],
)
def test_an_input_is_found_by_its_path(recording, path, expected):
    assert recording.one("cdn").input(path) == expected


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("origin", "inputs is a mapping of origins"),
        ("origins.1", "origins is a list of 1"),
        ("origins.first", "origins is a list of 1"),
        ("origins.0.domainName.x", "origins.0.domainName is 'a.example'"),
    ],
)
def test_a_path_that_leads_nowhere_says_what_there_is(recording, path, place):
    with pytest.raises(RecordingError, match=f"'cdn' has no input '{path}': {place}"):
        recording.one("cdn").input(path)


def test_an_empty_mapping_is_called_so(recording):
    with pytest.raises(RecordingError, match="inputs is a mapping of nothing"):
        recording.one("logs").input("bucket")


def test_reveal_opens_every_secret():
    hidden = {"a": Secret([1, {"b": Secret("x")}]), "c": (Secret(Unknown()),), "d": MappingProxyType({"e": 1})}
    assert reveal(hidden) == {"a": [1, {"b": "x"}], "c": [Unknown()], "d": {"e": 1}}


def test_a_recording_can_be_pickled(recording):
    assert pickle.loads(pickle.dumps(recording)) == recording


def test_a_recording_differs_from_another(recording):
    assert recording != record(lambda: None)
