"""Parts in a row that can be read back in one way only: each is a tag, a length and its bytes.

Joining parts without their lengths gives different requests the same key: ``("abc", "x")`` and ``("ab", "cx")``. It has
happened to LightRAG (HKUDS/LightRAG#3392), to vLLM (vllm-project/vllm#44701) and to LiteLLM, whose key of prompt ``hi``
at temperature 0 is that of prompt ``hitemperature: 0``.
"""

from collections.abc import Iterable

_LENGTH_BYTES = 4
_HEADER_BYTES = 1 + _LENGTH_BYTES

Part = tuple[bytes, bytes]
"""A tag of one byte, and what it marks."""


def join(parts: Iterable[Part]) -> bytes:
    """The parts in a row: tag (1 byte), length (4 bytes, big-endian), bytes."""
    return b"".join(tag + len(data).to_bytes(_LENGTH_BYTES, "big") + data for tag, data in parts)


def split(data: bytes) -> list[Part] | None:
    """The parts that ``join`` would write as ``data``; ``None`` when a length does not fit."""
    parts, at = [], 0
    while at < len(data):
        start = at + _HEADER_BYTES
        end = start + int.from_bytes(data[at + 1 : start], "big")
        if start > len(data) or end > len(data):
            return None
        parts.append((data[at : at + 1], data[start:end]))
        at = end
    return parts
