"""base64url without padding (RFC 4648 section 5), and one text only for each value.

Python's decoder skips characters outside the alphabet and accepts any value in the unused bits of the last one; here
both are refused, so that no two texts decode to the same bytes.
"""

import base64
import re

ALPHABET = "A-Za-z0-9_-"
DIGEST = rf"[{ALPHABET}]{{42}}[AEIMQUYcgkosw048]"
"""A pattern: the 43 characters of 32 bytes. The last one carries four bits, so that only these sixteen can end it."""

_TEXT = re.compile(rf"[{ALPHABET}]*")


def encode(data: bytes) -> str:
    """``data`` as base64url without ``=``."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes | None:
    """The bytes that ``encode`` would write as ``text``; ``None`` when there are none."""
    if len(text) % 4 == 1 or _TEXT.fullmatch(text) is None:
        return None
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return data if encode(data) == text else None
