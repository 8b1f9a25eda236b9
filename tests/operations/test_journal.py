"""What is done is written down at once, and read back whatever happened in between."""

import pytest

from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.operations.journal import Journal

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def path(tmp_path):
    return tmp_path / "requests.jsonl.warmed"


def test_what_is_done_is_known_afterwards(path):
    with Journal(path) as journal:
        journal.add(ONE)
        assert path.read_text() == f"{ONE}\n"  # whatever happens next
        journal.add(TWO)
    assert Journal(path).done == {ONE, TWO}


def test_an_entry_that_was_cut_short_is_none_and_spoils_no_other(path):
    path.write_text(f"{ONE}\n{TWO[:20]}")
    with Journal(path) as journal:
        assert journal.done == {ONE}
        journal.add(TWO)
    assert path.read_text() == f"{ONE}\n{TWO}\n"
    assert Journal(path).done == {ONE, TWO}


def test_the_very_first_entry_may_be_the_one_that_was_cut(path):
    path.write_text(ONE[:5])
    assert Journal(path).done == set()


def test_nothing_done_leaves_no_file(path):
    with Journal(path) as journal:
        assert journal.done == set()
    assert not path.exists()


def test_a_journal_is_forgotten(path):
    with Journal(path) as journal:
        journal.add(ONE)
        journal.forget()
        journal.forget()
    assert not path.exists()


@pytest.mark.parametrize(
    "text",
    [
        '{"route": "/v1/embeddings"}\n',
        f"notes\n{ONE}\n",
        f"{ONE}\nnotes",
        f"{ONE}{ONE}\n",
        f"{ONE}{ONE}",
        f"{ONE[:40]}\n",  # only what no newline follows can have been cut
        f"{ONE}\n{TWO[:20]}\n{ONE}\n",
        f"{ONE}\n\n",
        "\n",
    ],
)
def test_a_file_that_is_something_else_is_not_touched(path, text):
    """It would be removed in the end."""
    path.write_text(text)
    with pytest.raises(EdgeCacheError, match="is no journal of this command; name another file with --journal"):
        Journal(path)
    assert path.read_text() == text


def test_a_place_that_cannot_be_read_or_written(tmp_path):
    with pytest.raises(EdgeCacheError, match="Is a directory"):
        Journal(tmp_path)
    with pytest.raises(EdgeCacheError, match="No such file or directory"):
        Journal(tmp_path / "nowhere" / "x").add(ONE)
