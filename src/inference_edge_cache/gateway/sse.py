"""Server-sent events, read from a whole body (WHATWG HTML section 9.2.6, "Interpreting an event stream")."""

import re
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\n|\r")  # not str.splitlines(), which would split at U+2028 and others, too
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Event:
    """One event. ``name`` is empty where the stream gives none, which a browser calls ``message``."""

    name: str
    data: str


@dataclass(frozen=True)
class EventStream:
    """What a body holds. ``whole``: it ends after an event, or in a comment, not within an event."""

    events: tuple[Event, ...]
    whole: bool


def parse_events(text: str) -> EventStream:
    """The events of ``text``, in order; one that is cut short is none. Never raises; linear in the text.

    ``id`` and ``retry`` tell a client how to reconnect. They are no part of an event here, nor are unknown fields.
    """
    *lines, rest = _LINE_END.split(text.removeprefix(_BYTE_ORDER_MARK))
    events: list[Event] = []
    name, data, begun = "", list[str](), False
    for line in lines:
        if not line:
            if data:
                events.append(Event(name, "\n".join(data)))
            name, data, begun = "", [], False
        elif not line.startswith(":"):
            begun = True
            field, _, value = line.partition(":")
            if field == "data":
                data.append(value.removeprefix(" "))
            elif field == "event":
                name = value.removeprefix(" ")
    return EventStream(tuple(events), whole=not begun and (not rest or rest.startswith(":")))
