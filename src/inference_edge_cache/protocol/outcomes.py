"""Why a request is not cached, and why a cacheable form is refused: values, because neither is anybody's mistake here.

A reason is a word that can stand in a log line or in the ``detail`` of a ``Cache-Status`` (RFC 9211 section 2.8).
Neither a reason nor a detail ever holds a part of a body, a header's value or a key.
"""

from dataclasses import dataclass
from enum import StrEnum


class BypassReason(StrEnum):
    """Why a request has no key, or has one and its answer is not stored."""

    TOO_LARGE = "too-large"
    BYTE_ORDER_MARK = "byte-order-mark"
    NOT_UTF8 = "not-utf8"
    NOT_JSON = "not-json"
    TRAILING_DATA = "trailing-data"
    NOT_AN_OBJECT = "not-an-object"
    TOO_DEEP = "too-deep"
    DUPLICATE_KEY = "duplicate-key"
    INTEGER_RANGE = "integer-range"
    NUMBER_RANGE = "number-range"
    NOT_A_NUMBER = "not-a-number"
    LONE_SURROGATE = "lone-surrogate"
    QUERY_STRING = "query-string"
    UNKEYED_HEADER = "unkeyed-header"
    REPEATED_HEADER = "repeated-header"
    HEADER_VALUE = "header-value"
    CONTENT_TYPE = "content-type"
    CONTENT_ENCODING = "content-encoding"
    ACCEPT = "accept"
    UNKNOWN_DIALECT = "unknown-dialect"
    NOT_DETERMINISTIC = "not-deterministic"
    SERVER_STATE = "server-state"
    SERVER_TOOL = "server-tool"
    STORED_PROMPT = "stored-prompt"
    REMOTE_CONTENT = "remote-content"


@dataclass(frozen=True)
class Bypass:
    """The request goes to the model as it is, and its answer is not stored. ``detail``: a header's or field's name."""

    reason: BypassReason
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


class RejectedReason(StrEnum):
    """Why a path and its payload are not answered."""

    PATH = "path"
    PAYLOAD_LENGTH = "payload-length"
    PAYLOAD_ENCODING = "payload-encoding"
    PAYLOAD_COMPRESSION = "payload-compression"
    PAYLOAD_SIZE = "payload-size"
    PAYLOAD_SHAPE = "payload-shape"
    NOT_CANONICAL = "not-canonical"
    ROUTE_MISMATCH = "route-mismatch"
    KEY_MISMATCH = "key-mismatch"


@dataclass(frozen=True)
class Rejected:
    """The cacheable form is malformed or forged: a 400 to whoever sent it."""

    reason: RejectedReason

    def __str__(self) -> str:
        return str(self.reason)
