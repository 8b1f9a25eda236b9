"""Server-sent events as WHATWG HTML section 9.2.6 has them read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_edge_cache.gateway.sse import Event, EventStream, parse_events


def unnamed(*data: str) -> tuple[Event, ...]:
    return tuple(Event("", one) for one in data)


STREAMS = {
    "nothing": ("", (), True),
    "one event": ("data: a\n\n", unnamed("a"), True),
    "two events": ("data: a\n\ndata: b\n\n", unnamed("a", "b"), True),
    "no space after the colon": ("data:a\n\n", unnamed("a"), True),
    "only one space is dropped": ("data:  a\n\n", unnamed(" a"), True),
    "space at the end stays": ("data: a \n\n", unnamed("a "), True),
    "a tab is no space": ("data:\ta\n\n", unnamed("\ta"), True),
    "colons in the value": ("data: a: b\n\n", unnamed("a: b"), True),
    "data on two lines": ("data: a\ndata: b\n\n", unnamed("a\nb"), True),
    "an empty line of data": ("data: a\ndata:\n\n", unnamed("a\n"), True),
    "data without a colon": ("data\n\n", unnamed(""), True),
    "data that is empty": ("data:\n\n", unnamed(""), True),
    "a named event": ("event: error\ndata: a\n\n", (Event("error", "a"),), True),
    "the last name counts": ("event: a\nevent: b\ndata: x\n\n", (Event("b", "x"),), True),
    "a name holds for one event": ("event: a\ndata: x\n\ndata: y\n\n", (Event("a", "x"), Event("", "y")), True),
    "a name without data is no event": ("event: a\n\ndata: y\n\n", unnamed("y"), True),
    "id and retry": ("id: 1\nretry: 10\ndata: a\n\n", unnamed("a"), True),
    "unknown fields": ("foo: b\nDATA: b\n data: b\ndata: a\n\n", unnamed("a"), True),
    "comments": (": hi\n\n:\ndata: a\n: within\n\n", unnamed("a"), True),
    "blank lines": ("\n\n\ndata: a\n\n\n\n", unnamed("a"), True),
    "CRLF": ("data: a\r\ndata: b\r\n\r\n", unnamed("a\nb"), True),
    "CR": ("data: a\rdata: b\r\r", unnamed("a\nb"), True),
    "mixed line ends": ("data: a\rdata: b\r\n\ndata: c\n\r", unnamed("a\nb", "c"), True),
    "a byte order mark": ("\ufeffdata: a\n\n", unnamed("a"), True),
    "a second byte order mark is part of a field": ("\ufeff\ufeffdata: a\n\n", (), True),
    "other line separators are text": ("data: a\u2028b\x0bc\x85\n\n", unnamed("a\u2028b\x0bc\x85"), True),
    "a comment at the end": ("data: a\n\n: hi\n", unnamed("a"), True),
    "a comment that is cut short": ("data: a\n\n: pi", unnamed("a"), True),
    "an event without its blank line": ("data: a\n\ndata: b\n", unnamed("a"), False),
    "an event without any line end": ("data: a\n\ndata: b", unnamed("a"), False),
    "a field that is cut short": ("data: a\n\nda", unnamed("a"), False),
    "a name without its data": ("data: a\n\nevent: b\n", unnamed("a"), False),
    "an id at the end": ("data: a\n\nid: 1\n", unnamed("a"), False),
}


@pytest.mark.parametrize(("text", "events", "whole"), STREAMS.values(), ids=STREAMS)
def test_a_body_is_read_as_the_standard_says(text, events, whole):
    assert parse_events(text) == EventStream(events, whole)


pieces = st.sampled_from(["data: a", "data:", "data: b: c", "event: e", ": hi", "id: 1", "", "", "foo", "data"])


@given(st.lists(st.tuples(pieces, st.sampled_from(["\n", "\r\n"])), max_size=20))
def test_line_ends_may_be_mixed(lines):
    mixed = "".join(line + end for line, end in lines)
    assert parse_events(mixed) == parse_events("".join(line + "\n" for line, _ in lines))


@given(st.lists(pieces, max_size=20), st.sampled_from(["\r\n", "\r"]))
def test_one_kind_of_line_end_throughout_makes_no_difference(lines, end):
    assert parse_events(end.join(lines)) == parse_events("\n".join(lines))


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("\r\n: datevn\ufeff")))
def test_any_text_is_read(text):
    stream = parse_events(text)
    assert all("\r" not in event.data + event.name for event in stream.events)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r")), max_size=5))
def test_what_is_written_as_events_is_read_again(messages):
    body = "".join("".join(f"data: {line}\n" for line in message.split("\n")) + "\n" for message in messages)
    assert parse_events(body) == EventStream(unnamed(*messages), whole=True)


def test_every_line_of_data_is_kept_however_many():
    assert parse_events("data: a\n" * 100_000 + "\n").events == unnamed("\n".join("a" * 100_000))
