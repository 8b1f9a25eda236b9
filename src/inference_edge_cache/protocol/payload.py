"""The ``Inference-Payload`` header: a request's preimage beside its path, so that a GET can be answered on a miss.

Raw deflate (RFC 1951) and base64url, in one header of at most 6 KiB: S3 refuses more than 8 KiB of headers, and the
client and the CDN add their own. What does not fit sends its path alone.
"""

import hmac
import zlib

from inference_edge_cache.protocol import base64url
from inference_edge_cache.protocol.outcomes import Rejected, RejectedReason
from inference_edge_cache.protocol.paths import parse_path
from inference_edge_cache.protocol.preimage import Preimage, parse_preimage, request_key

PAYLOAD_BUDGET = 6 * 1024
"""Characters of the header's value."""

MAX_PREIMAGE_BYTES = 64 * 1024
"""A larger preimage never travels in a header. Deflate packs up to 1,032 to 1: 6 KiB of header could become 4 MiB."""

_RAW_DEFLATE = -zlib.MAX_WBITS


def encode_payload(preimage: Preimage, budget: int = PAYLOAD_BUDGET) -> str | None:
    """The header's value for ``preimage``; ``None`` when it has more than ``budget`` characters.

    Compressors differ, so the value is not the same everywhere: what counts is what it decodes to.
    """
    data = preimage.to_bytes()
    if len(data) > MAX_PREIMAGE_BYTES:
        return None
    compressor = zlib.compressobj(level=9, wbits=_RAW_DEFLATE)
    value = base64url.encode(compressor.compress(data) + compressor.flush())
    return value if len(value) <= min(budget, PAYLOAD_BUDGET) else None


def decode_payload(value: str) -> Preimage | Rejected:
    """The preimage in a header's value, well-formed and nothing more: whose it is, only ``verify`` tells.

    Work and memory are bounded before anything is inflated. Never raises.
    """
    if len(value) > PAYLOAD_BUDGET:
        return Rejected(RejectedReason.PAYLOAD_LENGTH)
    compressed = base64url.decode(value)
    if compressed is None:
        return Rejected(RejectedReason.PAYLOAD_ENCODING)
    decompressor = zlib.decompressobj(wbits=_RAW_DEFLATE)
    try:
        data = decompressor.decompress(compressed, MAX_PREIMAGE_BYTES + 1)
    except zlib.error:
        return Rejected(RejectedReason.PAYLOAD_COMPRESSION)
    if len(data) > MAX_PREIMAGE_BYTES:
        return Rejected(RejectedReason.PAYLOAD_SIZE)
    if not decompressor.eof or decompressor.unused_data:
        return Rejected(RejectedReason.PAYLOAD_COMPRESSION)
    return parse_preimage(data)


def verify(path: str, payload: str, key: bytes) -> Preimage | Rejected:
    """The request that ``path`` stands for, proven by its payload under ``key``, the K of the path's scope.

    The payload's route must be the one of the path: the key covers the first, answers are stored under the second.
    Never raises.
    """
    parts = parse_path(path)
    if parts is None:
        return Rejected(RejectedReason.PATH)
    preimage = decode_payload(payload)
    if isinstance(preimage, Rejected):
        return preimage
    if not hmac.compare_digest(request_key(key, preimage), parts.key):
        return Rejected(RejectedReason.KEY_MISMATCH)
    return preimage if preimage.route == parts.route else Rejected(RejectedReason.ROUTE_MISMATCH)
