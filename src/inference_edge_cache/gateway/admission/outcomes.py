"""Why an answer is not stored: a value, because it is nobody's mistake here."""

from dataclasses import dataclass
from enum import StrEnum


class NotStoredReason(StrEnum):
    """Words that can stand in a log line or in the ``detail`` of a ``Cache-Status`` (RFC 9211 section 2.8)."""

    UNKNOWN_DIALECT = "unknown-dialect"
    STATUS = "status"
    TOO_LARGE = "too-large"
    ENCODED = "encoded"
    CONTENT_TYPE = "content-type"
    NOT_JSON = "not-json"
    ERROR_IN_BODY = "error-in-body"
    INCOMPLETE = "incomplete"
    AFTER_THE_END = "after-the-end"
    FINISH_REASON = "finish-reason"
    TRUNCATED = "truncated"
    FILTERED = "filtered"
    REFUSED = "refused"
    OTHER_MODEL = "other-model"
    WRONG_COUNT = "wrong-count"
    WRONG_INDEX = "wrong-index"
    SERVER_TOOL = "server-tool"


@dataclass(frozen=True)
class NotStored:
    """The answer goes to whoever asked, and is not kept.

    ``detail``: a field's or header's name, a finish reason that is documented, or why JSON was refused; never a part of
    the body.
    """

    reason: NotStoredReason
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)
