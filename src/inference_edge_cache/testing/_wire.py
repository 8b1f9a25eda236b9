"""Between Pulumi's wire format (protobuf `Struct`) and plain Python values.

The signatures are those of Pulumi's property values: sdk/go/common/resource/sig/sig.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import pulumi
import pulumi.output
from google.protobuf import struct_pb2

from inference_edge_cache.errors import RecordingError
from inference_edge_cache.testing._recording import Secret, Unknown

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def decode(value: Any) -> Any:
    """A protobuf value as a plain one, with `Secret` and `Unknown`; whole numbers are `int`."""
    if isinstance(value, struct_pb2.ListValue):
        return [decode(item) for item in value]
    if isinstance(value, struct_pb2.Struct):
        plain = {key: decode(item) for key, item in value.items()}
        signature = plain.pop(SIGNATURE, None)
        return Secret(plain["value"]) if signature == SECRET else plain
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return Unknown() if value == UNKNOWN else value


def encode(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Properties as protobuf. A top-level or nested key with the value None is left out, as Pulumi does.

    Raises RecordingError for a value that is not plain, such as an `Output`.
    """
    struct = struct_pb2.Struct()
    struct.update(_to_json(properties))
    return struct


def decode_mapping(struct: struct_pb2.Struct) -> dict[str, Any]:
    """The properties of a request: a message's own mapping, never itself a secret."""
    return {key: decode(value) for key, value in struct.items()}


def _to_json(value: Any) -> Any:
    match value:
        case Secret():
            return {SIGNATURE: SECRET, "value": _to_json(value.value)}
        case Unknown() | pulumi.output.Unknown():
            return UNKNOWN
        case pulumi.Asset() | pulumi.Archive():
            kind = ASSET if isinstance(value, pulumi.Asset) else ARCHIVE
            return {SIGNATURE: kind, **_to_json(vars(value))}
        case Enum():
            return _to_json(value.value)
        case Mapping():
            return {str(key): _to_json(item) for key, item in value.items() if item is not None}
        case list() | tuple():
            return [_to_json(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise RecordingError(f"mocks return plain values, not {type(value).__name__}: {value!r:.100}")
