"""The store in a folder: where files lie, and that a file is whole or not there, whatever ends a process."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from hashlib import sha256
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from inference_edge_cache.gateway.store import Damaged, Result, Stored, StoreFailed
from inference_edge_cache.gateway.stores import folder as folder_module
from inference_edge_cache.gateway.stores.folder import ABANDONED_AFTER, FolderStore
from inference_edge_cache.protocol import inference_path, parse_path

HELLO = Result(b'{"said":"hello"}', "application/json", 1_700_000_000)
BYE = Result(b'{"said":"bye"}', "application/json", 1_700_000_060)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "all" / "results"


@pytest.fixture
def store(folder):
    return FolderStore(folder)


def lying_in(folder: Path) -> list[str]:
    """The files of a folder, at any depth."""
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


# Where files lie ------------------------------------------------------------------------------------------------------


def test_files_lie_like_the_paths(store, folder, paths):
    store.put(paths(1), HELLO, "no-store")
    store.put(paths(2, route="/"), HELLO, "no-store")
    assert lying_in(folder) == sorted([paths(1)[1:], paths(2, route="/")[1:]])


def test_a_file_is_its_digest_a_line_of_metadata_and_the_body(store, folder, path):
    put = store.put(path, HELLO, "public, s-maxage=60")
    mark, line, body = (folder / path[1:]).read_bytes().split(b"\n", 2)
    assert mark == b"inference-edge-cache/1 " + sha256(line + b"\n" + body).hexdigest().encode()
    assert body == HELLO.body
    said = json.loads(line)
    assert said.pop("written")
    assert said == {
        "content-type": "application/json",
        "cache-control": "public, s-maxage=60",
        "produced-at": 1_700_000_000,
        "last-modified": put.last_modified,
        "etag": put.etag,
    }


def test_files_and_folders_are_their_owners_alone(store, folder, path, monkeypatch):
    before = os.umask(0)
    try:
        version = store.put(path, HELLO, "no-store").version
        store.put(path, BYE, "no-store", replaces=version)
    finally:
        os.umask(before)
    modes = {each: each.stat().st_mode & 0o777 for each in [folder, *folder.rglob("*")]}
    assert {mode for each, mode in modes.items() if each.is_dir()} == {0o700}
    assert {mode for each, mode in modes.items() if each.is_file()} == {0o600}


def test_reading_makes_no_folder(store, folder, path):
    assert store.get(path) is None
    assert not folder.exists()


def test_a_relative_folder_is_the_one_it_was_when_it_was_named(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    store = FolderStore("results")
    monkeypatch.chdir("/")
    store.put(path, HELLO, "no-store")
    assert (tmp_path / "results" / path[1:]).is_file()


LONG = "/" + "v" * 900


@pytest.mark.parametrize("route", [LONG, "/v1" * 300, "/" + "/".join("v" * 255 for _ in range(3)), "/" + "v" * 128])
def test_every_route_that_fits_into_a_path_fits_into_file_names(store, folder, paths, route):
    path = paths(1, route=route)
    store.put(path, HELLO, "no-store")
    assert store.get(path).result == HELLO
    assert all(len(each.name) <= 129 for each in folder.rglob("*"))


def test_a_segment_that_is_cut_is_not_two_segments(store, paths):
    store.put(paths(1, route="/" + "v" * 128 + "w"), HELLO, "no-store")
    assert store.get(paths(1, route="/" + "v" * 128 + "/w")) is None


SEGMENT = st.text("ab._:@-", min_size=1, max_size=300).filter(lambda text: text not in (".", ".."))
ROUTE = st.lists(SEGMENT, min_size=1, max_size=3).map(lambda segments: "/" + "/".join(segments))
PATH = st.builds(
    lambda route, key: inference_path(route, "generation-1", "scope-_abcde", f"{key:042}A"),
    ROUTE.filter(lambda route: len(route) < 900),
    st.integers(0, 2),
)


@given(PATH, PATH)
def test_two_paths_never_share_a_file_nor_leave_the_folder(one, other):
    store = FolderStore("/no/such/folder")
    files = [store._file(path) for path in (one, other)]
    assert (files[0] == files[1]) == (one == other)
    assert all(os.path.normpath(file) == str(file) for file in files)
    assert all(file.is_relative_to("/no/such/folder") for file in files)
    assert not any(mine == "~unfinished" or mine == "~lock" for file in files for mine in file.parts)


@given(PATH, PATH)
def test_no_path_lies_where_another_needs_a_folder(one, other):
    store = FolderStore("/no/such/folder")
    assert store._file(one) not in store._file(other).parents


@given(st.text())
def test_any_text_is_a_path_of_an_answer_or_reads_nothing(text):
    if parse_path(text) is None:
        with pytest.raises(StoreFailed):
            FolderStore("/no/such/folder").get(text)


# Damage ---------------------------------------------------------------------------------------------------------------


def test_a_file_is_damaged_wherever_it_is_cut(store, folder, path):
    store.put(path, HELLO, "no-store")
    file = folder / path[1:]
    content = file.read_bytes()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        assert isinstance(store.get(path), Damaged), length


def test_a_file_is_damaged_wherever_a_byte_of_it_is_another(store, folder, path):
    store.put(path, HELLO, "no-store")
    file = folder / path[1:]
    content = file.read_bytes()
    for at in range(len(content)):
        file.write_bytes(content[:at] + bytes([content[at] ^ 0x20]) + content[at + 1 :])
        assert isinstance(store.get(path), Damaged), at


def with_its_digest(rest: bytes) -> bytes:
    return b"inference-edge-cache/1 " + sha256(rest).hexdigest().encode() + b"\n" + rest


GOOD = {"content-type": "a/b", "produced-at": 1, "etag": '"e"', "last-modified": 2}


def test_metadata_that_are_all_there_are_enough():
    read = folder_module._decode(with_its_digest(json.dumps(GOOD).encode() + b"\nbody"))
    assert isinstance(read, Stored)
    assert (read.result, read.etag, read.last_modified) == (Result(b"body", "a/b", 1), '"e"', 2)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"produced-at": ' + b"9" * 5000 + b"}",
        *[json.dumps({name: value for name, value in GOOD.items() if name != without}).encode() for without in GOOD],
        json.dumps({**GOOD, "produced-at": "1"}).encode(),
        json.dumps({**GOOD, "produced-at": 1e400}).encode(),
        json.dumps({**GOOD, "content-type": None}).encode(),
    ],
)
def test_a_whole_file_with_other_metadata_is_damaged(line):
    assert isinstance(folder_module._decode(with_its_digest(line + b"\nbody")), Damaged)


@given(st.binary() | st.binary().map(with_its_digest))
def test_any_content_is_read_without_an_error(content):
    assert isinstance(folder_module._decode(content), Damaged)


def test_two_writes_of_one_result_are_two_versions(store, path):
    first = store.put(path, HELLO, "no-store")
    second = store.put(path, HELLO, "no-store", replaces=first.version)
    assert second.version != first.version
    assert second.etag == first.etag


# Failures -------------------------------------------------------------------------------------------------------------


def refusing(store: FolderStore, path: str) -> list[str]:
    """What reading and writing are refused with."""
    said = []
    for ask in (lambda: store.get(path), lambda: store.put(path, HELLO, "no-store")):
        with pytest.raises(StoreFailed) as raised:
            ask()
        assert raised.value.__suppress_context__
        said.append(str(raised.value))
    return said


def test_a_folder_that_is_a_file_is_a_failure_without_the_path(tmp_path, path):
    (tmp_path / "results").write_bytes(b"")
    assert refusing(FolderStore(tmp_path / "results"), path) == ["folder: ENOTDIR", "folder: EEXIST"]


def test_a_folder_in_the_place_of_a_file_is_a_failure_without_the_path(store, folder, path):
    (folder / path[1:]).mkdir(parents=True)
    with pytest.raises(StoreFailed, match=r"^folder: EISDIR$"):
        store.get(path)
    assert store.put(path, HELLO, "no-store") is None


def test_a_lock_that_nobody_lets_go_of_is_a_failure(store, folder, path, monkeypatch):
    monkeypatch.setattr(folder_module, "LOCK_SECONDS", 0)
    there = store.put(path, HELLO, "no-store")
    with FileLock(folder / "~lock"), pytest.raises(StoreFailed, match=r"^folder: Timeout$"):
        store.put(path, BYE, "no-store", replaces=there.version)
    assert store.get(path) == there
    assert lying_in(folder) == sorted([path[1:], "~lock"])


def test_what_is_purged_meanwhile_is_no_error(store, folder, path):
    """A purge removes whole folders, under a store that is in use."""
    version = store.put(path, HELLO, "no-store").version
    shutil.rmtree(folder)
    assert store.get(path) is None
    assert store.put(path, BYE, "no-store", replaces=version) is None
    assert store.put(path, BYE, "no-store").result == BYE


def other_process(program: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """A process that has ``store`` and ``paths``, over the folder that is its first argument."""
    head = """
    import errno, os, sys
    from inference_edge_cache.gateway.store import Result
    from inference_edge_cache.gateway.stores.folder import FolderStore
    store = FolderStore(sys.argv[1])
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(program), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        **options,
    )


def test_a_full_disk_is_a_failure_and_leaves_nothing(folder, path):
    """The process may write files of 64 KiB and no more (setrlimit(2)): the rest of a larger one is refused."""
    process = other_process(
        """
        import resource
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, before[1]))
        try:
            store.put(sys.argv[2], Result(b"x" * 1_000_000, "application/json", 0), "no-store")
        except Exception as error:
            print(type(error).__name__, error)
        resource.setrlimit(resource.RLIMIT_FSIZE, before)  # what measures the process writes files too
        """,
        folder,
        path,
    )
    said, _ = process.communicate()
    assert said == "StoreFailed folder: EFBIG\n"
    assert lying_in(folder) == []


# File systems without hard links --------------------------------------------------------------------------------------


@pytest.fixture
def no_hard_links(monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("no_hard_links")
def test_without_hard_links_a_result_is_written_once_too(store, folder, path):
    first = store.put(path, HELLO, "no-store")
    assert store.put(path, BYE, "no-store") is None
    assert store.get(path) == first
    assert lying_in(folder) == sorted([path[1:], "~lock"])


@pytest.mark.usefixtures("no_hard_links")
def test_without_hard_links_one_of_32_threads_wins(store, run_together, path):
    puts = [lambda number=number: store.put(path, Result(b"%d" % number, "a/b", 0), "no-store") for number in range(32)]
    (winner,) = [put for put in run_together(*puts) if put is not None]
    assert store.get(path) == winner


def test_another_refusal_of_a_link_is_a_failure(store, folder, path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(StoreFailed, match=r"^folder: EXDEV$"):
        store.put(path, HELLO, "no-store")
    assert lying_in(folder) == []


# Several processes ----------------------------------------------------------------------------------------------------

RACER = """
me, how = sys.argv[2], sys.argv[3]
if how == "without links":
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")
    os.link = refuse
print("ready", flush=True)
for line in sys.stdin:
    path, _, version = line.strip().partition(" ")
    put = store.put(path, Result(me.encode() * 1000, "application/json", 0), "no-store", replaces=version or None)
    print("lost" if put is None else "won", flush=True)
"""


@pytest.mark.parametrize("how", ["created", "without links", "replaced"])
def test_two_processes_put_one_path_and_one_of_them_wins(store, folder, paths, how):
    racers = [other_process(RACER, folder, me, how) for me in "AB"]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for number in range(100):
        version = store.put(paths(number), HELLO, "no-store").version if how == "replaced" else ""
        for racer in racers:
            racer.stdin.write(f"{paths(number)} {version}\n")
        said = [racer.stdout.readline().strip() for racer in racers]
        assert sorted(said) == ["lost", "won"]
        assert store.get(paths(number)).result.body == b"AB"[said.index("won") :][:1] * 1000
    for racer in racers:
        racer.communicate()
        assert racer.returncode == 0


def killed(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_a_process_that_is_killed_before_the_file_has_its_name_leaves_nothing_to_read(store, folder, path):
    process = other_process(
        """
        def wait(*_):
            print("written", flush=True)
            sys.stdin.read()
        os.link = wait
        store.put(sys.argv[2], Result(b"x" * 1000, "application/json", 0), "no-store")
        """,
        folder,
        path,
    )
    assert process.stdout.readline() == "written\n"
    killed(process)
    (left,) = lying_in(folder)
    assert left.startswith("~unfinished/")
    assert store.get(path) is None
    assert store.put(path, HELLO, "no-store") == store.get(path)


@pytest.mark.parametrize("after", [1, 2, 3, 5, 8, 13])
def test_a_process_that_is_killed_at_any_moment_leaves_whole_results_only(store, folder, paths, after):
    process = other_process(
        """
        for path in sys.stdin:
            print("next", flush=True)
            store.put(path.strip(), Result(os.urandom(4_000_000), "application/json", 0), "no-store")
        """,
        folder,
    )
    process.stdin.write("".join(f"{paths(number)}\n" for number in range(after + 20)))
    for _ in range(after):
        assert process.stdout.readline() == "next\n"
    killed(process)
    found = [store.get(paths(number)) for number in range(after + 20)]
    assert all(isinstance(each, Stored) for each in found[: after - 1])
    assert all(each is None or isinstance(each, Stored) for each in found)


def test_a_process_that_is_killed_with_the_lock_lets_go_of_it(store, folder, path):
    there = store.put(path, HELLO, "no-store")
    process = other_process(
        """
        def wait(*_):
            print("locked", flush=True)
            sys.stdin.read()
        os.replace = wait
        store.put(sys.argv[2], Result(b"x", "application/json", 0), "no-store", replaces=sys.argv[3])
        """,
        folder,
        path,
        there.version,
    )
    assert process.stdout.readline() == "locked\n"
    killed(process)
    assert store.get(path) == there
    assert store.put(path, BYE, "no-store", replaces=there.version) == store.get(path)


def test_what_a_killed_process_left_is_removed_when_nobody_can_be_writing_it(store, folder, path):
    store.put(path, HELLO, "no-store")
    old, young = (folder / "~unfinished" / name for name in ("old", "young"))
    for left in (old, young):
        left.write_bytes(b"x")
    an_hour_ago = time.time() - ABANDONED_AFTER - 60
    os.utime(old, (an_hour_ago, an_hour_ago))
    FolderStore(folder)
    assert lying_in(folder) == sorted([path[1:], "~unfinished/young"])


def test_what_cannot_be_removed_is_left(folder):
    left = folder / "~unfinished" / "old"
    left.mkdir(parents=True)
    os.utime(left, (0, 0))
    FolderStore(folder)
    assert left.is_dir()
