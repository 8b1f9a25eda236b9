"""Plain values to Pulumi's wire format and back."""

import enum

import pulumi
import pulumi.output
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_edge_cache.testing import RecordingError, Secret, Unknown
from inference_edge_cache.testing._wire import SIGNATURE, decode, decode_mapping, encode

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.just(Unknown())
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner.filter(lambda v: v is not None))
        | inner.map(Secret).filter(lambda s: s.value is not None)
    ),
    max_leaves=12,
)


class Mode(enum.Enum):
    ON = "on"


@given(st.dictionaries(st.text(), VALUES.filter(lambda v: v is not None)))
def test_plain_values_come_back_as_they_were(values):
    assert decode_mapping(encode(values)) == values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {}),
        ({"a": None, "b": [None]}, {"k": {"b": [None]}}),
        ((1, 2.5), {"k": [1, 2.5]}),
        (Mode.ON, {"k": "on"}),
        (pulumi.output.Unknown(), {"k": Unknown()}),
        (pulumi.StringAsset("x"), {"k": {"text": "x"}}),
        (pulumi.AssetArchive({"a": pulumi.FileAsset("p")}), {"k": {"assets": {"a": {"path": "p"}}}}),
    ],
)
def test_other_values_become_plain(value, expected):
    assert decode(encode({"k": value})) == expected


def test_an_asset_keeps_its_signature_on_the_wire():
    assert encode({"k": pulumi.FileAsset("p")})["k"][SIGNATURE]


@pytest.mark.parametrize("value", [object(), pulumi.Output, b"bytes"])
def test_a_value_that_is_not_plain_is_refused(value):
    with pytest.raises(RecordingError, match="mocks return plain values"):
        encode({"k": [value]})
