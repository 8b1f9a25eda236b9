"""How an API says why an answer has ended, and whether it then is one to keep."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from inference_edge_cache.gateway.admission.outcomes import NotStored, NotStoredReason
from inference_edge_cache.gateway.admission.reading import is_whole


@dataclass(frozen=True)
class Endings:
    """The words by which one API says it, in ``field``.

    :param complete: the model was done.
    :param cut: a cap was reached: the request's, or one that is not in the key.
    :param filtered: a filter replaced what the model said, or cut it off.
    :param broken: other ends that are documented. One that is not is refused, too, and not shown.
    """

    field: str
    complete: frozenset[str]
    cut: frozenset[str]
    filtered: frozenset[str]
    broken: frozenset[str] = frozenset()

    def judge(self, reason: Any, *, at_cap: bool = False) -> NotStored | None:
        """Why an answer that ended with ``reason`` is not kept. ``at_cap``: the cap is one that the request set."""
        if reason is None:
            return NotStored(NotStoredReason.INCOMPLETE, self.field)
        if not isinstance(reason, str):
            return NotStored(NotStoredReason.FINISH_REASON)
        if reason in self.complete or (at_cap and reason in self.cut):
            return None
        if reason in self.cut:
            return NotStored(NotStoredReason.TRUNCATED, reason)
        if reason in self.filtered:
            return NotStored(NotStoredReason.FILTERED, reason)
        return NotStored(NotStoredReason.FINISH_REASON, reason if reason in self.broken else "")


def reached(caps: Iterable[Any], used: Any) -> bool:
    """Whether the request set a cap, and ``used`` tokens reach it: then it asked for an answer of this length.

    Cut off earlier, the answer met another limit (a context window, a server's default), which is not in the key:
    diegosouzapw/OmniRoute#12885. Of several caps it is not known which one the server takes: all are to be reached.
    """
    given = [cap for cap in caps if cap is not None]
    return bool(given) and is_whole(used) and all(is_whole(cap) and used >= cap for cap in given)
