"""Ending well: what a command started is stopped, however it is asked to end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

# Windows knows no SIGHUP, which says that the terminal was closed.
_SIGNALS = [getattr(signal, name) for name in ("SIGHUP", "SIGTERM") if hasattr(signal, name)]


@contextmanager
def terminated_cleanly() -> Iterator[None]:
    """Until the end of the block SIGTERM and SIGHUP unwind the program like Ctrl-C does, and exit 143 and 129.

    A signal that the program was started to ignore, as by ``nohup``, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)  # a second one must not interrupt the way out
    raise SystemExit(128 + number)
