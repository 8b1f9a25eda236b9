"""The metadata that every store writes beside a result, and what the stores have in common."""

import string
import threading
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_edge_cache.gateway.needs import once, require
from inference_edge_cache.gateway.store import Result, StoreFailed
from inference_edge_cache.gateway.stores.labels import Label, check_headers, object_name

HELLO = Result(b"hello", "application/json", 1_700_000_000)
HELLO_SHA_256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
METADATA = {"iec-format": "1", "iec-produced-at": "1700000000", "iec-sha-256": HELLO_SHA_256}


def test_the_metadata_are_format_time_and_digest():
    assert Label.of(HELLO).metadata() == METADATA


def test_other_metadata_beside_them_do_not_matter():
    assert Label.read({**METADATA, "owner": "x"}) == Label.of(HELLO)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {**METADATA, "iec-format": "2"},
        {**METADATA, "iec-format": "01"},
        {**METADATA, "iec-produced-at": ""},
        {**METADATA, "iec-produced-at": "-1"},
        {**METADATA, "iec-produced-at": "1700000000.5"},
        {**METADATA, "iec-produced-at": "1e9"},
        {**METADATA, "iec-produced-at": "\uff11\uff17"},
        {**METADATA, "iec-produced-at": "1700000000\n"},
        {**METADATA, "iec-produced-at": "9" * 5000},
        {**METADATA, "iec-sha-256": HELLO_SHA_256[:-1]},
        {**METADATA, "iec-sha-256": HELLO_SHA_256.upper()},
        {**METADATA, "iec-sha-256": f"{HELLO_SHA_256}\n"},
    ],
)
def test_what_is_not_written_exactly_so_is_no_label(metadata):
    assert Label.read(metadata) is None


@given(st.dictionaries(st.sampled_from([*METADATA]), st.text() | st.text(string.hexdigits, min_size=64, max_size=64)))
def test_any_metadata_are_a_label_or_none(metadata):
    label = Label.read(metadata)
    assert label is None or label.metadata() == {**metadata, "iec-produced-at": str(int(metadata["iec-produced-at"]))}


@given(st.binary(), st.integers(0, 99_999_999_999))
def test_a_label_is_read_as_it_was_written_and_gives_the_result_back(body, produced_at):
    result = Result(body, "application/json", produced_at)
    label = Label.read(Label.of(result).metadata())
    assert label is not None
    assert label.result(body, "application/json") == result


@given(st.binary(), st.binary())
def test_a_label_gives_no_result_for_another_body(body, other):
    label = Label.of(replace(HELLO, body=body))
    assert (label.result(other, "application/json") is not None) == (body == other)


@pytest.mark.parametrize("content_type", [None, ""])
def test_a_body_without_a_content_type_is_no_result(content_type):
    assert Label.of(HELLO).result(HELLO.body, content_type) is None


def test_an_objects_name_is_the_path_without_its_first_slash(path):
    assert "/" + object_name(path) == path


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1).filter(lambda text: text == text.strip())
)
def test_printable_text_is_the_value_of_a_header(text):
    check_headers(replace(HELLO, content_type=text), cache_control=text)


@given(st.text().filter(lambda text: not text.isascii() or not text.isprintable()))
def test_other_text_is_not(text):
    with pytest.raises(StoreFailed):
        check_headers(replace(HELLO, content_type=f"a{text}b"), cache_control="no-store")


@pytest.mark.parametrize("module", ["no_such_module", "no_such_module.inside", "json.no_such_module"])
def test_a_module_that_is_missing_is_said_in_one_line(module):
    with pytest.raises(ImportError) as raised:
        require(module, "a store")
    assert str(raised.value) == f"a store needs {module}, which is not installed"


def test_a_module_that_is_there_is_not_missing():
    require("json.decoder", "a store")


def test_threads_ask_at_once_and_it_is_made_once(run_together):
    made = []
    meeting = threading.Barrier(2)

    def make():
        with suppress(threading.BrokenBarrierError):
            meeting.wait(timeout=0.2)  # for another thread that is in here, too
        made.append("it")
        return made

    get = once(make)
    assert {id(each) for each in run_together(*[get] * 8)} == {id(made)}
    assert made == ["it"]


def test_what_could_not_be_made_is_tried_again():
    tries = iter([OSError("not yet"), "it"])

    def make():
        tried = next(tries)
        if isinstance(tried, OSError):
            raise tried
        return tried

    get = once(make)
    with pytest.raises(OSError, match="not yet"):
        get()
    assert get() == get() == "it"
