"""What is loaded or made only where it is needed: packages that may not be installed, clients that take their time."""

from collections.abc import Callable
from importlib.util import find_spec
from threading import Lock
from typing import TypeVar

T = TypeVar("T")


def require(module: str, needed_for: str) -> None:
    """``ImportError`` in one line when ``module`` is not installed. Does not load it."""
    try:
        found = find_spec(module)
    except ModuleNotFoundError:  # a package around it is missing
        found = None
    if found is None:
        raise ModuleNotFoundError(f"{needed_for} needs {module}, which is not installed", name=module)


def once(make: Callable[[], T]) -> Callable[[], T]:
    """What ``make`` returns, made by one thread when it is first asked for. A failure is not kept."""
    lock = Lock()
    made: list[T] = []

    def get() -> T:
        with lock:
            if not made:
                made.append(make())
            return made[0]

    return get
