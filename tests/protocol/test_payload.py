import base64
import random
import zlib

from hypothesis import assume, given
from hypothesis import strategies as st

from inference_edge_cache.protocol import (
    PAYLOAD_BUDGET,
    Preimage,
    Rejected,
    RejectedReason,
    RouteRules,
    base64url,
    build_preimage,
    decode_payload,
    encode_payload,
    inference_path,
    request_key,
    verify,
)
from inference_edge_cache.protocol.payload import MAX_PREIMAGE_BYTES

KEY, OTHER_KEY = bytes(range(32)), bytes(32)
RULES = RouteRules(dialect="any", require_object=False)


def preimage(text="hi", route="/v1"):
    built = build_preimage(route, RULES, [], b'"%b"' % text.encode())
    assert isinstance(built, Preimage)
    return built


def path_of(request, key=KEY):
    return inference_path(request.route, "Gen_0123-abc", "Scope-012_ab", request_key(key, request))


def header(data):
    compressor = zlib.compressobj(wbits=-15)
    return base64.urlsafe_b64encode(compressor.compress(data) + compressor.flush()).decode().rstrip("=")


@given(st.text(st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=["Cc"]), max_size=200))
def test_a_payload_is_read_back_and_proven(text):
    request = preimage(text)
    payload = encode_payload(request)
    assert payload is not None
    assert decode_payload(payload) == request
    assert verify(path_of(request), payload, KEY) == request
    assert verify(path_of(request), payload, OTHER_KEY) == Rejected(RejectedReason.KEY_MISMATCH)


@given(st.text("abc", max_size=20), st.text("abc", max_size=20))
def test_a_payload_answers_for_its_own_path_only(text, other):
    assume(text != other)
    payload = encode_payload(preimage(other))
    assert payload is not None
    assert verify(path_of(preimage(text)), payload, KEY) == Rejected(RejectedReason.KEY_MISMATCH)


def test_a_payload_under_another_route_is_rejected_although_its_key_is_right():
    request = preimage(route="/v1/chat")
    payload = encode_payload(request)
    assert payload is not None
    moved = path_of(request).replace("/v1/chat", "/v1/embeddings")
    assert verify(moved, payload, KEY) == Rejected(RejectedReason.ROUTE_MISMATCH)


def test_a_payload_within_its_budget_is_sent_and_one_beyond_is_not():
    noise = "".join(random.Random(1).choices("0123456789abcdef", k=8_000))
    sizes = {length: encode_payload(preimage(noise[:length])) for length in range(0, 8_000, 50)}
    sent = {length: payload for length, payload in sizes.items() if payload is not None}
    assert 0 < max(sent) < 8_000
    assert all(len(payload) <= PAYLOAD_BUDGET for payload in sent.values())
    assert list(sizes)[: len(sent)] == list(sent)
    longest = sent[max(sent)]
    assert encode_payload(preimage(noise[: max(sent)]), budget=len(longest)) == longest
    assert encode_payload(preimage(noise[: max(sent)]), budget=len(longest) - 1) is None
    assert encode_payload(preimage(noise), budget=10 * PAYLOAD_BUDGET) is None
    assert encode_payload(preimage(), budget=0) is None


def test_what_is_sent_can_always_be_read():
    """The longest preimage that travels is the longest that is read, however well it compresses."""
    overhead = len(preimage("").to_bytes())
    longest = preimage("a" * (MAX_PREIMAGE_BYTES - overhead))
    payload = encode_payload(longest)
    assert payload is not None
    assert decode_payload(payload) == longest
    longer = preimage("a" * (MAX_PREIMAGE_BYTES - overhead + 1))
    assert encode_payload(longer) is None
    assert decode_payload(header(longer.to_bytes())) == Rejected(RejectedReason.PAYLOAD_SIZE)


def test_a_decompression_bomb_is_not_inflated_beyond_the_limit(monkeypatch):
    produced = []
    real = zlib.decompressobj

    class Watched:
        def __init__(self, wbits):
            self._inner = real(wbits=wbits)

        def decompress(self, data, max_length):
            produced.append(self._inner.decompress(data, max_length))
            return produced[-1]

        def __getattr__(self, name):
            return getattr(self._inner, name)

    monkeypatch.setattr(zlib, "decompressobj", Watched)
    assert decode_payload(header(bytes(4_000_000))) == Rejected(RejectedReason.PAYLOAD_SIZE)
    assert [len(data) for data in produced] == [MAX_PREIMAGE_BYTES + 1]


def test_a_long_header_is_not_even_decoded(monkeypatch):
    monkeypatch.setattr(base64url, "decode", lambda text: 1 / 0)
    assert decode_payload("A" * (PAYLOAD_BUDGET + 1)) == Rejected(RejectedReason.PAYLOAD_LENGTH)


@given(st.binary(max_size=300))
def test_any_header_is_a_preimage_or_rejected(data):
    for value in (data.decode("latin-1"), base64url.encode(data), header(data), header(preimage().to_bytes() + data)):
        result = decode_payload(value)
        assert isinstance(result, Preimage | Rejected)
        assert isinstance(verify("/v1/~/Gen_0123-abc/Scope-012_ab/" + "A" * 43, value, KEY), Rejected)


@given(st.text(max_size=100))
def test_any_path_is_rejected_or_proven(path):
    payload = encode_payload(preimage())
    assert payload is not None
    assert verify(path, payload, KEY) == Rejected(RejectedReason.PATH)


@given(st.data())
def test_one_changed_character_is_never_proven(data):
    request = preimage("hi, how are you?")
    payload = encode_payload(request)
    assert payload is not None
    at = data.draw(st.integers(0, len(payload) - 1))
    character = data.draw(st.sampled_from("ABCDEFxyz0189-_= \n").filter(lambda character: character != payload[at]))
    result = verify(path_of(request), payload[:at] + character + payload[at + 1 :], KEY)
    # A changed bit may be one that deflate does not read; then the request is the same, to the byte.
    assert isinstance(result, Rejected) or result == request


@given(st.binary(max_size=70))
def test_each_value_has_one_text_in_base64url(data):
    text = base64url.encode(data)
    assert base64url.decode(text) == data
    assert base64url.decode(text + "=") is None
    assert "=" not in text


@given(st.text("ABab01-_", max_size=9))
def test_no_two_texts_of_base64url_have_one_value(text):
    data = base64url.decode(text)
    assert data is None or base64url.encode(data) == text
