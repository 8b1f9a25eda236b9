"""What every store keeps to (``gateway/store.py``), whatever it lies in.

S3 is played by two emulators, moto and ministack: both know If-None-Match and If-Match, so both are held to all of it.
Cloud Storage is played by gcp-storage-emulator, which reads ``ifGenerationMatch`` on no request and overwrites: what
depends on that is proven in ``test_gcs.py``, on the wire. Nothing but the store gets at the memory of a process, so
nothing is damaged there. What a store makes of refusals and failures has its tests beside it.
"""

from dataclasses import replace

import pytest

from inference_edge_cache.gateway.store import Damaged, Result, Stored, StoreFailed

CONDITIONAL = ["memory", "folder", "moto", "ministack"]
ALL = [*CONDITIONAL, "gcs"]
DAMAGEABLE = ["folder", "moto", "ministack", "gcs"]
DAMAGES = [
    "cut short",
    "longer",
    "altered",
    "another's",
    "of another format",
    "of no format",
    "of no time",
    "of a time that is none",
    "of no digest",
    "encoded",
]

AN_HOUR = "public, max-age=0, s-maxage=3600"
HELLO = Result(b'{"said":"hello"}', "application/json", 1_700_000_000)
BYE = Result(b'{"said":"bye"}', "application/json", 1_700_000_060)

every_store = pytest.mark.parametrize("name", ALL)
every_conditional_store = pytest.mark.parametrize("name", CONDITIONAL)


@every_store
def test_nothing_lies_at_a_path_before_it_is_put(make_stand, name, path):
    assert make_stand(name).store.get(path) is None


@every_store
@pytest.mark.parametrize(
    "result",
    [
        HELLO,
        Result(b"", "application/json", 0),
        Result('data: {"text":"é"}\r\n\r\ndata: [DONE]\n\n'.encode(), "text/event-stream; charset=utf-8", 1),
        Result(bytes(range(256)) * 4096, "application/octet-stream", 4_102_444_800),
        Result(b"x" * (9 * 1024 * 1024), "application/json", 1),
    ],
    ids=["json", "empty", "stream", "every byte", "9 MiB"],
)
def test_a_result_is_read_as_it_was_put(make_stand, name, path, result):
    stand = make_stand(name)
    put = stand.store.put(path, result, AN_HOUR)
    got = stand.another().get(path)
    assert isinstance(put, Stored)
    assert isinstance(got, Stored)
    assert got.result == put.result == result
    assert (got.etag, got.version) == (put.etag, put.version)
    assert got.etag.startswith('"')
    assert got.etag.endswith('"')


@every_store
def test_a_path_that_differs_in_one_character_is_another(make_stand, name, paths):
    store = make_stand(name).store
    store.put(paths(1), HELLO, AN_HOUR)
    store.put(paths(2), BYE, AN_HOUR)
    assert store.get(paths(1)).result == HELLO
    assert store.get(paths(2)).result == BYE
    assert store.get(paths(3)) is None


@pytest.mark.parametrize("name", ["moto", "ministack", "gcs"])
def test_an_object_is_what_a_cdn_is_to_serve(make_stand, name, path):
    stand = make_stand(name)
    stand.store.put(path, HELLO, AN_HOUR)
    lying = stand.look(path)
    assert (lying.body, lying.content_type, lying.cache_control) == (HELLO.body, "application/json", AN_HOUR)
    assert lying.encoding is None


# Written once ---------------------------------------------------------------------------------------------------------


@every_conditional_store
def test_who_comes_second_writes_nothing(make_stand, name, path):
    stand = make_stand(name)
    first = stand.store.put(path, HELLO, AN_HOUR)
    assert stand.another().put(path, BYE, AN_HOUR) is None
    assert replace(stand.store.get(path), last_modified=first.last_modified) == first


@every_conditional_store
def test_32_threads_put_one_path_and_one_of_them_wins(make_stand, run_together, name, path):
    stand = make_stand(name)

    def put_and_get(number):
        put = stand.store.put(path, Result(b"%d" % number, "application/json", number), AN_HOUR)
        return put, stand.store.get(path)

    outcomes = run_together(*[lambda number=number: put_and_get(number) for number in range(32)])
    winners = [put for put, _ in outcomes if put is not None]
    assert len(winners) == 1
    assert {got.result for _, got in outcomes} == {winners[0].result}


@every_store
def test_threads_do_not_get_into_each_others_way(make_stand, run_together, name, paths):
    store = make_stand(name).store

    def put_and_get(number):
        result = Result(b"%d" % number * 1000, "application/json", number)
        return store.put(paths(number), result, AN_HOUR).result == store.get(paths(number)).result == result

    assert all(run_together(*[lambda number=number: put_and_get(number) for number in range(4)]))


# Replaced only when unchanged -----------------------------------------------------------------------------------------


@every_conditional_store
def test_what_was_read_is_replaced(make_stand, name, path):
    stand = make_stand(name)
    stand.store.put(path, HELLO, AN_HOUR)
    put = stand.store.put(path, BYE, AN_HOUR, replaces=stand.store.get(path).version)
    got = stand.another().get(path)
    assert put.result == got.result == BYE
    assert put.version == got.version


@every_conditional_store
def test_what_has_changed_since_is_not_replaced(make_stand, name, path):
    stand = make_stand(name)
    read = stand.store.put(path, HELLO, AN_HOUR).version
    stand.another().put(path, BYE, AN_HOUR, replaces=read)
    assert stand.store.put(path, replace(HELLO, body=b"late"), AN_HOUR, replaces=read) is None
    assert stand.store.get(path).result == BYE


@every_conditional_store
def test_what_is_not_there_is_not_replaced(make_stand, name, paths):
    stand = make_stand(name)
    version = stand.store.put(paths(1), HELLO, AN_HOUR).version
    assert stand.store.put(paths(2), BYE, AN_HOUR, replaces=version) is None
    assert stand.store.get(paths(2)) is None


@every_conditional_store
def test_32_threads_replace_one_version_and_one_of_them_wins(make_stand, run_together, name, path):
    stand = make_stand(name)
    read = stand.store.put(path, HELLO, AN_HOUR).version

    def replace_it(number):
        return stand.store.put(path, Result(b"%d" % number, "application/json", number), AN_HOUR, replaces=read)

    outcomes = run_together(*[lambda number=number: replace_it(number) for number in range(32)])
    winners = [put for put in outcomes if put is not None]
    assert len(winners) == 1
    assert stand.store.get(path).result == winners[0].result


# Damaged --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DAMAGEABLE)
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_no_whole_result_is_damaged_and_can_be_replaced(make_stand, name, path, damage):
    stand = make_stand(name)
    stand.store.put(path, HELLO, AN_HOUR)
    stand.damage(path, damage)
    found = stand.another().get(path)
    assert isinstance(found, Damaged)
    assert stand.store.put(path, BYE, AN_HOUR, replaces=found.version).result == BYE
    assert stand.store.get(path).result == BYE


@pytest.mark.parametrize("name", ["folder", "moto", "ministack"])
def test_what_was_damaged_and_is_whole_again_is_not_replaced(make_stand, name, path):
    stand = make_stand(name)
    stand.store.put(path, HELLO, AN_HOUR)
    stand.damage(path, "altered")
    version = stand.store.get(path).version
    stand.another().put(path, BYE, AN_HOUR, replaces=version)
    assert stand.store.put(path, HELLO, AN_HOUR, replaces=version) is None
    assert stand.store.get(path).result == BYE


# Refused --------------------------------------------------------------------------------------------------------------

KEY = f"{'0' * 42}A"
NO_PATHS = [
    "",
    "/",
    "/v1/chat/completions",
    f"/v1/~/generation-1/scope-_abcde/{KEY}/",
    f"v1/~/generation-1/scope-_abcde/{KEY}",
    f"//v1/~/generation-1/scope-_abcde/{KEY}",
    f"/v1/../../~/generation-1/scope-_abcde/{KEY}",
    f"/v1/%2e%2e/~/generation-1/scope-_abcde/{KEY}",
    f"/v1/~/generation-1/scope-_abcde/../{KEY}",
    f"/v1/~/generation-1/scope-_abcde/{KEY}\0",
    f"/v1/~/generation-1/scope-_abcde/{KEY}?x=1",
    f"/{'v' * 1024}/~/generation-1/scope-_abcde/{KEY}",
    "/~lock",
]


@every_store
@pytest.mark.parametrize("no_path", NO_PATHS)
def test_what_is_no_path_of_an_answer_is_neither_read_nor_written(make_stand, name, no_path):
    store = make_stand(name).store
    with pytest.raises(StoreFailed, match=r"^not the path of an answer$"):
        store.get(no_path)
    with pytest.raises(StoreFailed, match=r"^not the path of an answer$"):
        store.put(no_path, HELLO, AN_HOUR)


@every_store
@pytest.mark.parametrize("value", ["", " ", "a/b\r\nset-cookie: x", "a/b\n", "a/b ", "é/b", "a/b\0"])
def test_what_is_no_value_of_a_header_is_not_written(make_stand, name, path, value):
    store = make_stand(name).store
    with pytest.raises(StoreFailed, match="no value of a header"):
        store.put(path, replace(HELLO, content_type=value), AN_HOUR)
    with pytest.raises(StoreFailed, match="no value of a header"):
        store.put(path, HELLO, value)
    assert store.get(path) is None


@every_store
@pytest.mark.parametrize("produced_at", [-1, 10**12])
def test_what_is_no_time_is_not_written(make_stand, name, path, produced_at):
    store = make_stand(name).store
    with pytest.raises(StoreFailed, match="Unix seconds"):
        store.put(path, replace(HELLO, produced_at=produced_at), AN_HOUR)
    assert store.get(path) is None
