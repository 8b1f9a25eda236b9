"""What a store writes beside a result, and how it tells a whole result from anything else that lies there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from inference_edge_cache.gateway.store import Result, StoreFailed
from inference_edge_cache.protocol import parse_path

FORMAT = "1"
_FORMAT, _PRODUCED_AT, _SHA_256 = "iec-format", "iec-produced-at", "iec-sha-256"
_UNIX_SECONDS = re.compile(r"[0-9]{1,11}")
_HEX = re.compile(r"[0-9a-f]{64}")
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
"""RFC 9110 section 5.5, without what is obsolete there."""


@dataclass(frozen=True)
class Label:
    """When a result was produced, and the SHA-256 of its body: metadata of the object, beside its content type."""

    produced_at: int
    sha_256: str

    @classmethod
    def of(cls, result: Result) -> "Label":
        return cls(result.produced_at, sha256(result.body).hexdigest())

    @classmethod
    def read(cls, metadata: Mapping[str, str] | None) -> "Label | None":
        """The label in an object's metadata; ``None`` when it is not one of this format."""
        given = {} if metadata is None else metadata
        produced_at, digest = given.get(_PRODUCED_AT, ""), given.get(_SHA_256, "")
        if given.get(_FORMAT) != FORMAT or not _UNIX_SECONDS.fullmatch(produced_at) or not _HEX.fullmatch(digest):
            return None
        return cls(int(produced_at), digest)

    def metadata(self) -> dict[str, str]:
        return {_FORMAT: FORMAT, _PRODUCED_AT: str(self.produced_at), _SHA_256: self.sha_256}

    def result(self, body: bytes, content_type: str | None) -> Result | None:
        """The labelled result, unless ``body`` is not, byte by byte, the one that the label was written for."""
        if not content_type or sha256(body).hexdigest() != self.sha_256:
            return None
        return Result(body, content_type, self.produced_at)


def object_name(path: str) -> str:
    """The name under which a CDN finds ``path`` in a bucket. ``StoreFailed`` unless the protocol makes such a path."""
    if parse_path(path) is None:
        raise StoreFailed("not the path of an answer")
    return path.removeprefix("/")


def check_headers(result: Result, cache_control: str) -> None:
    """``StoreFailed`` when an object's headers cannot say what they would have to: it could never be read again."""
    if not _HEADER_VALUE.fullmatch(result.content_type) or not _HEADER_VALUE.fullmatch(cache_control):
        raise StoreFailed("a content type or cache control that is no value of a header")
    if not _UNIX_SECONDS.fullmatch(str(result.produced_at)):
        raise StoreFailed("a time of production that is not in Unix seconds")
