import logging
import threading

import pytest
from gateway_kit import CHAT, MASTER, chat_body, setting

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.keyring import LOOK_AGAIN, LOOK_AGAIN_FOR_UNKNOWN, Keyring
from inference_edge_cache.protocol import (
    PUBLIC_API_KEY,
    PUBLIC_KEY,
    ApiKey,
    KeyMaterialError,
    Preimage,
    Rejected,
    RejectedReason,
    derive_api_key,
    encode_payload,
    inference_path,
    request_key,
    storable_request,
)
from inference_edge_cache.protocol.keys import origin_proof

OLD = b"the master secret before this one, 41 chars"
OTHER = b"a master secret of quite another deployment"


def bearer(text):
    return (("accept", "*/*"), ("authorization", text))


def proven_by(key: ApiKey, scope: str | None = None):
    """The path and the payload of a request under ``key``."""
    config = setting().config
    route = config.edge.routes[0]
    preimage = storable_request(CHAT, route.rules, [("content-type", "application/json")], chat_body())
    assert isinstance(preimage, Preimage)
    path = inference_path(CHAT, route.generation, scope or key.scope, request_key(key.key, preimage))
    return path, encode_payload(preimage), preimage


# --- Master secrets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("masters", [(), (b"",), (b"x" * 31,), (MASTER, b"x" * 31)])
def test_a_keyring_needs_masters_that_are_long_enough(masters):
    with pytest.raises(KeyMaterialError):
        Keyring(masters)


def test_printing_a_keyring_shows_nothing():
    for keyring in (Keyring((MASTER, OLD)), Keyring.public(), Keyring.rotating(lambda: (MASTER,))):
        assert repr(keyring) == f"{keyring}" == "Keyring(...)"


# --- API keys -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("master", [MASTER, OLD])
def test_during_a_rotation_keys_of_both_masters_count(master):
    mine = derive_api_key(master, "alice")
    found = Keyring((MASTER, OLD)).api_key(mine.text)
    assert found is not None
    assert found.matches(mine)


def test_after_a_rotation_the_old_keys_are_strangers():
    assert Keyring((MASTER,)).api_key(derive_api_key(OLD, "alice").text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "iec1",
        "iec1.scope.key",
        "iec2." + derive_api_key(MASTER, "alice").text[5:],
        derive_api_key(MASTER, "alice").text[:-1],
        derive_api_key(MASTER, "alice").text + "A",
        derive_api_key(MASTER, "alice").text + "\n",
        derive_api_key(OTHER, "alice").text,
        PUBLIC_API_KEY.text,
        "iec1." + derive_api_key(MASTER, "bob").scope + "." + derive_api_key(MASTER, "alice").text[18:],
        "ключ",
        "\ud800",
    ],
)
def test_nothing_else_is_an_api_key(text):
    assert Keyring((MASTER, OLD)).api_key(text) is None


def test_every_master_is_tried_whichever_fits(monkeypatch):
    """What a check costs does not tell which master a key belongs to."""
    compared = []
    matches = ApiKey.matches
    monkeypatch.setattr(ApiKey, "matches", lambda self, other: compared.append(self) or matches(self, other))
    keyring = Keyring((MASTER, OLD))
    for master in (MASTER, OLD, OTHER):
        compared.clear()
        keyring.api_key(derive_api_key(master, "alice").text)
        assert len(compared) == 2


# --- Callers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("spaces", [" ", "   "])
def test_a_caller_is_known_by_the_bearer_key(scheme, spaces):
    mine = derive_api_key(MASTER, "alice")
    found = Keyring((MASTER,)).caller(bearer(f"{scheme}{spaces}{mine.text}"))
    assert found is not None
    assert found.matches(mine)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        bearer(""),
        bearer("Bearer"),
        bearer("Bearer "),
        bearer("Bearer sk-the-callers-own-model-credential"),
        bearer(derive_api_key(MASTER, "alice").text),
        bearer("Basic " + derive_api_key(MASTER, "alice").text),
        bearer("Bearer " + derive_api_key(MASTER, "alice").text + " x"),
        bearer("Bearer " + derive_api_key(OTHER, "alice").text),
        (("x-api-key", derive_api_key(MASTER, "alice").text),),
    ],
)
def test_whoever_has_no_key_of_ours_is_nobody(headers):
    assert Keyring((MASTER,)).caller(headers) is None


@pytest.mark.parametrize("second", [derive_api_key(MASTER, "alice").text, derive_api_key(MASTER, "bob").text, "x"])
def test_two_authorizations_are_none(second):
    first = "Bearer " + derive_api_key(MASTER, "alice").text
    assert Keyring((MASTER,)).caller((*bearer(first), ("authorization", f"Bearer {second}"))) is None
    assert Keyring((MASTER,)).caller(bearer(f"{first}, Bearer {second}")) is None  # two lines in one


def test_with_public_access_everyone_is_the_same_caller():
    for headers in ((), bearer("Bearer sk-own"), bearer("Bearer " + derive_api_key(MASTER, "alice").text)):
        assert Keyring.public().caller(headers) is PUBLIC_API_KEY


def test_with_public_access_the_public_key_is_the_only_one():
    assert Keyring.public().api_key(PUBLIC_API_KEY.text) is PUBLIC_API_KEY
    assert Keyring.public().api_key(derive_api_key(MASTER, "alice").text) is None
    assert Keyring.public().api_key(ApiKey(PUBLIC_API_KEY.scope, b"x" * 32).text) is None


# --- Payloads -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("master", [MASTER, OLD])
def test_a_payload_is_proven_under_the_key_of_its_scope(master):
    path, payload, preimage = proven_by(derive_api_key(master, "alice"))
    assert Keyring((MASTER, OLD)).verify(path, payload) == preimage


def test_a_payload_of_the_public_scope_is_proven_with_public_access_alone():
    path, payload, preimage = proven_by(PUBLIC_API_KEY)
    assert Keyring.public().verify(path, payload) == preimage
    assert Keyring((MASTER,)).verify(path, payload) == Rejected(RejectedReason.KEY_MISMATCH)


def test_the_public_key_opens_no_other_scope():
    scope = derive_api_key(MASTER, "alice").scope
    path, payload, _ = proven_by(ApiKey(scope, PUBLIC_KEY))
    assert Keyring.public().verify(path, payload) == Rejected(RejectedReason.KEY_MISMATCH)


def test_ones_own_key_opens_no_other_scope():
    mine, others = derive_api_key(MASTER, "alice"), derive_api_key(MASTER, "bob")
    path, payload, _ = proven_by(mine, scope=others.scope)
    assert Keyring((MASTER, OLD)).verify(path, payload) == Rejected(RejectedReason.KEY_MISMATCH)


@pytest.mark.parametrize(
    ("path", "payload", "reason"),
    [
        ("/v1/chat/completions", "x", RejectedReason.PATH),
        ("/v1/chat/completions/~/%61/b/c", "x", RejectedReason.PATH),
        (None, "!", RejectedReason.PAYLOAD_ENCODING),
        (None, "A" * 7000, RejectedReason.PAYLOAD_LENGTH),
    ],
)
def test_what_is_malformed_is_told_from_what_is_forged(path, payload, reason):
    sound, _, _ = proven_by(derive_api_key(MASTER, "alice"))
    assert Keyring((MASTER, OLD)).verify(path or sound, payload) == Rejected(reason)


# --- Rotation -----------------------------------------------------------------------------------------------------


class Secret:
    """A secret that can be rotated, counts how often it is read, and has a clock beside it."""

    def __init__(self, *masters: bytes) -> None:
        self.masters, self.reads, self.now = masters, 0, 1000.0
        self.failure: Exception | None = None

    def fetch(self) -> tuple[bytes, ...]:
        self.reads += 1
        if self.failure:
            raise self.failure
        return self.masters

    def keyring(self) -> Keyring:
        return Keyring.rotating(self.fetch, clock=lambda: self.now)


def test_the_secret_is_read_once_while_all_keys_are_known():
    secret = Secret(MASTER)
    keyring = secret.keyring()
    path, payload, _ = proven_by(derive_api_key(MASTER, "alice"))
    for _ in range(3):
        secret.now += LOOK_AGAIN / 4
        assert keyring.api_key(derive_api_key(MASTER, "alice").text)
        assert isinstance(keyring.verify(path, payload), Preimage)
    assert secret.reads == 1


def test_a_key_of_a_new_master_is_known_as_soon_as_it_is_used():
    secret = Secret(OLD)
    keyring = secret.keyring()
    secret.masters = (MASTER, OLD)
    secret.now += LOOK_AGAIN_FOR_UNKNOWN
    path, payload, preimage = proven_by(derive_api_key(MASTER, "alice"))
    assert keyring.verify(path, payload) == preimage
    assert keyring.api_key(derive_api_key(MASTER, "alice").text)
    assert keyring.api_key(derive_api_key(OLD, "alice").text)
    assert secret.reads == 2


def test_unknown_keys_make_the_gateway_read_the_secret_once_a_minute_at_most():
    secret = Secret(MASTER)
    keyring = secret.keyring()
    stranger = derive_api_key(OTHER, "alice").text
    path, payload, _ = proven_by(derive_api_key(OTHER, "alice"))
    for _ in range(10):
        assert keyring.api_key(stranger) is None
        assert keyring.verify(path, payload) == Rejected(RejectedReason.KEY_MISMATCH)
    assert secret.reads == 1
    secret.now += LOOK_AGAIN_FOR_UNKNOWN
    for _ in range(10):
        assert keyring.api_key(stranger) is None
    assert secret.reads == 2


def test_nonsense_is_no_reason_to_read_the_secret():
    secret = Secret(MASTER)
    keyring = secret.keyring()
    secret.now += LOOK_AGAIN_FOR_UNKNOWN
    path, _, _ = proven_by(derive_api_key(MASTER, "alice"))
    assert keyring.api_key("iec1.no.key") is None
    assert keyring.verify(path, "!") == Rejected(RejectedReason.PAYLOAD_ENCODING)
    assert secret.reads == 1


def test_a_master_that_is_withdrawn_stops_to_count_though_nobody_uses_a_new_key():
    secret = Secret(MASTER, OLD)
    keyring = secret.keyring()
    old = derive_api_key(OLD, "alice").text
    secret.masters = (MASTER,)
    assert keyring.api_key(old)
    secret.now += LOOK_AGAIN
    assert keyring.api_key(old) is None


@pytest.mark.parametrize("failure", [GatewayConfigError("Secrets Manager refused: Throttling"), None])
def test_a_secret_that_cannot_be_read_again_leaves_the_masters_at_hand(failure, caplog):
    secret = Secret(MASTER)
    keyring = secret.keyring()
    secret.failure, secret.masters = failure, (b"too short",)
    secret.now += LOOK_AGAIN
    with caplog.at_level(logging.WARNING):
        assert keyring.api_key(derive_api_key(MASTER, "alice").text)
    assert secret.reads == 2
    assert "could not be read again" in caplog.text
    assert "too short" not in caplog.text


def test_a_secret_that_cannot_be_read_at_first_is_an_error():
    secret = Secret(MASTER)
    secret.failure = GatewayConfigError("Secrets Manager refused: AccessDenied")
    with pytest.raises(GatewayConfigError):
        secret.keyring()


def test_while_one_caller_reads_the_secret_again_the_others_do_not_wait():
    reading, go_on = threading.Event(), threading.Event()
    secret = Secret(MASTER)

    def slow() -> tuple[bytes, ...]:
        reading.set()
        assert go_on.wait(30)
        return secret.masters

    keyring = Keyring.rotating(lambda: slow() if secret.now > 1000 else secret.masters, clock=lambda: secret.now)
    secret.now += LOOK_AGAIN
    mine = derive_api_key(MASTER, "alice").text
    first = threading.Thread(target=keyring.api_key, args=(mine,))
    first.start()
    assert reading.wait(30)
    secret.now += LOOK_AGAIN
    assert keyring.api_key(mine)
    go_on.set()
    first.join()


def test_callers_with_new_keys_at_once_read_the_secret_once():
    secret = Secret(OLD)
    keyring = secret.keyring()
    secret.masters = (MASTER, OLD)
    secret.now += LOOK_AGAIN_FOR_UNKNOWN
    text = derive_api_key(MASTER, "alice").text
    found = []
    threads = [threading.Thread(target=lambda: found.append(keyring.api_key(text))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert any(found)  # who looked; nobody waits for them
    assert keyring.api_key(text)
    assert secret.reads == 2


# --- The CDN ------------------------------------------------------------------------------------------------------


def test_the_proof_of_the_cdn_follows_from_every_master_that_counts():
    keyring = Keyring((MASTER, OLD))
    assert keyring.proves_origin(origin_proof(MASTER).encode())
    assert keyring.proves_origin(origin_proof(OLD).encode())
    assert not keyring.proves_origin(origin_proof(b"x" * 32).encode())
    assert not keyring.proves_origin(b"")


def test_with_public_access_nothing_proves_an_origin():
    assert not Keyring.public().proves_origin(origin_proof(MASTER).encode())


def test_a_proof_by_a_new_master_is_known_as_soon_as_it_is_used():
    secret = Secret(MASTER)
    keyring = secret.keyring()
    secret.masters, secret.now = (b"n" * 32, MASTER), secret.now + 60
    assert keyring.proves_origin(origin_proof(b"n" * 32).encode())
    assert keyring.proves_origin(origin_proof(MASTER).encode())
