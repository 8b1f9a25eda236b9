import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inference_edge_cache.protocol import (
    PUBLIC_API_KEY,
    ApiKey,
    KeyMaterialError,
    api_key_of_scope,
    derive_api_key,
    parse_api_key,
    scope_of,
    verify_api_key,
)

MASTER = b"an example master secret of 41 characters"

masters = st.binary(min_size=32, max_size=64)
tenants = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(masters, tenants)
def test_an_api_key_is_verified_from_the_master_secret_alone(master, tenant):
    key = derive_api_key(master, tenant)
    assert key.scope == scope_of(master, tenant)
    assert key.matches(api_key_of_scope(master, key.scope))
    verified = verify_api_key(master, key.text)
    assert verified is not None
    assert verified.matches(key)


@given(masters, masters, tenants, tenants)
def test_two_tenants_and_two_masters_share_nothing(master, other_master, tenant, other_tenant):
    assume(master != other_master and tenant != other_tenant)
    key = derive_api_key(master, tenant)
    for other in (derive_api_key(other_master, tenant), derive_api_key(master, other_tenant)):
        assert other.scope != key.scope
        assert other.key != key.key
        assert not other.matches(key)
    assert verify_api_key(other_master, key.text) is None


def test_a_key_of_another_scope_is_not_accepted_under_this_one():
    mine, other = derive_api_key(MASTER, "a"), derive_api_key(MASTER, "b")
    assert verify_api_key(MASTER, ApiKey(mine.scope, other.key).text) is None


def test_the_public_key_is_no_key_of_a_cache_with_a_master_secret():
    assert verify_api_key(MASTER, PUBLIC_API_KEY.text) is None


def test_nothing_that_is_printed_shows_a_secret():
    key = derive_api_key(MASTER, "a")
    secret = key.text.rpartition(".")[2]
    assert repr(key) == f"ApiKey(scope='{key.scope}')"
    for text in (repr(key), str(key), f"{key}"):
        assert secret not in text
        assert repr(key.key) not in text
    with pytest.raises(KeyMaterialError) as caught:
        scope_of(b"hunter2", "a")
    assert "hunter2" not in str(caught.value)


def test_a_weak_master_secret_is_refused_with_a_remedy():
    with pytest.raises(KeyMaterialError) as caught:
        derive_api_key(b"x" * 31, "a")
    assert str(caught.value) == (
        "the master secret has 31 bytes and needs at least 32. "
        "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
    )
    with pytest.raises(KeyMaterialError):
        verify_api_key(b"", PUBLIC_API_KEY.text)


@pytest.mark.parametrize("tenant", ["", "\ud800"])
def test_a_tenant_without_a_usable_name_is_refused(tenant):
    with pytest.raises(KeyMaterialError):
        scope_of(MASTER, tenant)


@pytest.mark.parametrize("scope", ["", "short", "thirteen-char", "with space12", "\ud800" * 12, "twelve-char\n"])
def test_a_scope_that_cannot_stand_in_a_path_has_no_key(scope):
    with pytest.raises(KeyMaterialError):
        api_key_of_scope(MASTER, scope)


def test_a_key_of_another_length_is_refused():
    with pytest.raises(KeyMaterialError):
        ApiKey("public-scope", b"short")


@given(st.binary(max_size=80).map(lambda data: data.decode("latin-1")) | st.text(max_size=80))
def test_any_text_is_an_api_key_or_none(text):
    for candidate in (text, f"iec1.{text}", f"iec1.public-scope.{text}"):
        parsed = parse_api_key(candidate)
        assert parsed is None or parsed.text == candidate
        assert verify_api_key(MASTER, candidate) is None
