"""Starting and stopping a local edge, and what it refuses to start with."""

import errno
import socket
import sqlite3
import threading

import httpx
import pytest

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.local import LocalEdge, LocalEdgeError, edge_app
from inference_edge_cache.policy import CachePolicy


def edges():
    return [thread for thread in threading.enumerate() if thread.name == "local-edge"]


def test_an_edge_runs_from_with_to_the_end_of_the_block(origin):
    with LocalEdge(origin.url, CachePolicy()) as edge:
        assert edge.url == f"http://127.0.0.1:{edge.port}"
        assert httpx.get(f"{edge.url}/a", trust_env=False).text == "ok"
        assert len(edges()) == 1
    assert edges() == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", edge.port))
    edge.stop()


def test_an_edge_stops_when_the_block_fails(origin):
    with pytest.raises(KeyError), LocalEdge(origin.url, CachePolicy()):
        raise KeyError
    assert edges() == []


def test_an_edge_stops_while_a_caller_keeps_its_connection(origin):
    with httpx.Client(trust_env=False) as client:
        with LocalEdge(origin.url, CachePolicy()) as edge:
            client.get(f"{edge.url}/a")
        assert edges() == []


def test_a_port_can_be_used_again_at_once(origin):
    with LocalEdge(origin.url, CachePolicy()) as edge:
        httpx.get(f"{edge.url}/a", trust_env=False)
    with LocalEdge(origin.url, CachePolicy(), port=edge.port) as again:
        assert httpx.get(f"{again.url}/a", trust_env=False).text == "ok"


def test_a_port_that_is_taken(origin):
    with LocalEdge(origin.url, CachePolicy()) as edge:
        second = LocalEdge(origin.url, CachePolicy(), port=edge.port)
        with pytest.raises(LocalEdgeError, match=f"^port {edge.port} cannot be used: Address already in use$"):
            second.__enter__()
    assert edges() == []


def test_a_port_that_is_no_port(origin):
    with pytest.raises(LocalEdgeError, match=r"^port 70000 cannot be used: "):
        LocalEdge(origin.url, CachePolicy(), port=70_000).__enter__()


@pytest.mark.parametrize(
    "origin",
    ["", "model", "127.0.0.1:8000", "ftp://h", "http://", "http://h?a=b", "http://h#f", "http://h:x", "//h"],
)
def test_an_origin_that_is_no_url(origin):
    with pytest.raises(LocalEdgeError, match="is no origin: give a URL"):
        edge_app(origin, CachePolicy())


def test_credentials_in_an_origin_are_refused_and_not_repeated():
    with pytest.raises(LocalEdgeError, match="holds credentials") as refused:
        edge_app("http://me:secret@h", CachePolicy())
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("cloud", Cloud)
@pytest.mark.parametrize("field", ["stale_while_revalidate", "stale_if_error"])
def test_a_policy_that_the_cloud_cannot_keep(cloud, field):
    with pytest.raises(LocalEdgeError) as refused:
        edge_app("http://h", CachePolicy.from_dict({field: "1m"}), cloud)
    assert [(problem.path, problem.value, problem.kind) for problem in refused.value.problems] == [
        (f"policy.{field}", "60", "unsupported")
    ]
    assert isinstance(refused.value, EdgeCacheError)


def test_a_minimum_ttl_is_cloudfronts_alone():
    edge_app("http://h", CachePolicy(min_ttl=5), Cloud.AWS)
    with pytest.raises(LocalEdgeError, match=r"policy\.min_ttl = 5"):
        edge_app("http://h", CachePolicy(min_ttl=5), Cloud.GCP)


def test_a_field_that_the_cloud_has_not_got_gets_one_remedy():
    with pytest.raises(LocalEdgeError) as refused:
        edge_app("http://h", CachePolicy(min_ttl="2h"), Cloud.GCP)
    assert [problem.remedy for problem in refused.value.problems] == [
        'leave min_ttl at 0, or choose mode="force"',
    ]


def test_every_problem_of_a_policy_is_told_at_once():
    with pytest.raises(LocalEdgeError) as refused:
        edge_app("http://h", CachePolicy(default_ttl="2d", stale_if_error=1), Cloud.AWS)
    assert str(refused.value).startswith("the policy has 2 problems:\n  policy.default_ttl = 172800\n")
    assert [problem.path for problem in refused.value.problems] == ["policy.default_ttl", "policy.stale_if_error"]


def test_a_store_that_is_something_else(tmp_path):
    text, other, nowhere = tmp_path / "notes.txt", tmp_path / "other.db", tmp_path / "no" / "edge.db"
    text.write_text("not a database, and long enough to have a header that says so" * 3)
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE users (name TEXT)")
    connection.close()
    for path, reason in (
        (text, "cannot be a store: file is not a database"),
        (other, "is a database of something else; name a new file"),
        (nowhere, f"cannot be a store: {nowhere.parent} is no directory that can be written to"),
        (tmp_path, "cannot be a store: unable to open database file"),
    ):
        with pytest.raises(LocalEdgeError, match=reason):
            edge_app("http://h", CachePolicy(), store=path)
    assert text.read_text().startswith("not a database")


def test_a_store_is_made_by_an_edge_that_runs_and_by_no_other(origin, tmp_path):
    store = tmp_path / "new.db"
    with LocalEdge(origin.url, CachePolicy()) as running:
        second = LocalEdge(origin.url, CachePolicy(), port=running.port, store=store)
        with pytest.raises(LocalEdgeError, match="cannot be used"):
            second.__enter__()
    assert not store.exists()
    with LocalEdge(origin.url, CachePolicy(), store=store):
        assert store.exists()


NO_NAME, NO_VALUE = "an origin header's name must be", "the value of the origin header x-a must be one line"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a b", "secret", NO_NAME),
        ("", "secret", NO_NAME),
        ("x-a: secret", "c", NO_NAME),
        ("x-ä", "secret", NO_NAME),
        ("x-a", "", NO_VALUE),
        ("x-a", "secret\r\nx-b: c", NO_VALUE),
        ("x-a", "secret\n", NO_VALUE),
        ("x-a", " secret", NO_VALUE),
        ("x-a", "secret ü", NO_VALUE),
        ("x-a", "secret\x00", NO_VALUE),
        ("Transfer-Encoding", "secret", "the origin header Transfer-Encoding belongs to the connection"),
        ("content-length", "secret", "the origin header content-length belongs to the connection"),
    ],
)
def test_an_origin_header_that_cannot_be_sent(name, value, message):
    with pytest.raises(LocalEdgeError) as refused:
        edge_app("http://h", CachePolicy(), origin_headers={"x-good": "a b\tc=~", name: value})
    assert str(refused.value).startswith(message)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("port", [0, 65_536, 99_999])
def test_an_origins_port_that_is_none_is_named(port):
    with pytest.raises(LocalEdgeError, match=f"^'http://h:{port}': there is no port {port}; ports are 1 to 65535$"):
        edge_app(f"http://h:{port}", CachePolicy())


def test_an_edge_that_cannot_start_says_so(origin, monkeypatch):
    def no_room(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("inference_edge_cache.local.edge.tempfile.TemporaryDirectory", no_room)
    with pytest.raises(LocalEdgeError, match=r"^the local edge did not start: .*No space left on device"):
        LocalEdge(origin.url, CachePolicy()).__enter__()
    assert edges() == []
