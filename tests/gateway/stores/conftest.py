"""The stores, each over something that answers as the real one does, and ways to get at what lies in them."""

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from http_kit import Handler, Seen, free_port, gcs_server, listening, ministack_server, moto_server

from inference_edge_cache.gateway.store import Store
from inference_edge_cache.gateway.stores.folder import FolderStore
from inference_edge_cache.gateway.stores.gcs import GcsStore
from inference_edge_cache.gateway.stores.memory import MemoryStore
from inference_edge_cache.gateway.stores.s3 import S3Store
from inference_edge_cache.protocol import inference_path

BUCKET = "results"


@pytest.fixture
def path():
    """The path of an answer."""
    return path_of(1)


@pytest.fixture
def paths():
    """The path of the n-th answer."""
    return path_of


def path_of(number: int, route: str = "/v1/chat/completions") -> str:
    return inference_path(route, "generation-1", "scope-_abcde", f"{number:042}A")


# What lies in a store ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lying:
    """An object in a bucket, as somebody sees it who does not use our store."""

    body: bytes
    content_type: str
    metadata: Mapping[str, str]
    encoding: str | None = None
    cache_control: str | None = None


@dataclass(frozen=True)
class Stand:
    """A store, others over the same place, and what lies there without a store in between."""

    store: Store
    another: Callable[[], Store]
    look: Callable[[str], Any]
    damage: Callable[[str, str], None]
    """Do what is named to the result at a path."""


DAMAGES: dict[str, Callable[[Lying], Lying]] = {
    "cut short": lambda lying: replace(lying, body=lying.body[:-1]),
    "longer": lambda lying: replace(lying, body=lying.body + b" "),
    "altered": lambda lying: replace(lying, body=bytes([lying.body[0] ^ 1]) + lying.body[1:]),
    "another's": lambda lying: replace(lying, body=b"<html>", content_type="text/html", metadata={}),
    "of another format": lambda lying: _with_metadata(lying, "iec-format", "2"),
    "of no format": lambda lying: _with_metadata(lying, "iec-format", None),
    "of no time": lambda lying: _with_metadata(lying, "iec-produced-at", None),
    "of a time that is none": lambda lying: _with_metadata(lying, "iec-produced-at", "yesterday"),
    "of no digest": lambda lying: _with_metadata(lying, "iec-sha-256", None),
    "encoded": lambda lying: replace(lying, encoding="gzip"),
}
"""What can happen to an object in a bucket."""

FILE_DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda content: content[:-1],
    "longer": lambda content: content + b" ",
    "altered": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "another's": lambda content: b"<html>",
    "of another format": lambda content: content.replace(b"cache/1", b"cache/2", 1),
    "of no format": lambda content: content.partition(b"\n")[2],
    "of no time": lambda content: content.replace(b"produced-at", b"produced-as", 1),
    "of a time that is none": lambda content: content.replace(b'"produced-at": 1', b'"produced-at": 2', 1),
    "of no digest": lambda content: content.partition(b" ")[0] + content[content.index(b"\n") :],
    "encoded": lambda content: content.replace(b"application/json", b"application/gzip", 1),
}
"""The same for a file."""


def _with_metadata(lying: Lying, name: str, value: str | None) -> Lying:
    kept = {each: text for each, text in lying.metadata.items() if each != name}
    return replace(lying, metadata=kept if value is None else {**kept, name: value})


# Servers --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def nobody():
    """The address of a server that is not there."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture(scope="session")
def moto():
    """S3 as moto plays it, over HTTP."""
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def ministack(tmp_path_factory):
    """S3 as ministack plays it, over HTTP, in a process of its own."""
    with ministack_server(tmp_path_factory.mktemp("ministack")) as url:
        yield url


@pytest.fixture(scope="session")
def gcs_emulator():
    """Cloud Storage as gcp-storage-emulator plays it, over HTTP."""
    with gcs_server() as url:
        yield url


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    length: int | None
    after: threading.Event | None


@dataclass(frozen=True)
class Scripted:
    """A server that writes down what it is asked and answers what it is told: for what no emulator does."""

    url: str
    seen: list[Seen] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def answer(
        self,
        status: int,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        length: int | None = None,
        after: threading.Event | None = None,
    ) -> None:
        """The next answer, after the ones before it; the last one is given again and again.

        ``length`` is what is promised in place of the body's own; ``after``, what the answer waits for.
        """
        self.answers.append(Answer(status, headers or {}, body, length, after))


@pytest.fixture
def scripted():
    class Answering(Handler):
        def answer(self) -> None:
            script.seen.append(self.seen())
            answer = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            if answer.after:
                answer.after.wait()
            self.send_response_only(answer.status)
            length = len(answer.body) if answer.length is None else answer.length
            for name, value in {"content-length": str(length), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = length != len(answer.body)

        do_GET = do_PUT = do_POST = do_DELETE = answer

    with listening(Answering) as port:
        script = Scripted(f"http://127.0.0.1:{port}")
        yield script


# Stores ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def aws(monkeypatch):
    """Credentials of nobody; and where S3 is, to be called with its address."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return lambda url: monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)


@pytest.fixture
def google(monkeypatch):
    """Where Cloud Storage is, to be called with its address."""
    return lambda url: monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)


@pytest.fixture
def make_stand(request, tmp_path):
    """The store of that name: memory, folder, moto, ministack, gcs."""
    return lambda name: _STANDS[name](request, tmp_path)


def _memory(request, tmp_path) -> Stand:
    store = MemoryStore()
    return Stand(store, lambda: store, store.get, lambda path, damage: pytest.fail("nothing else gets at the memory"))


def _folder(request, tmp_path) -> Stand:
    folder = tmp_path / "results"

    def damage(path: str, kind: str) -> None:
        file = Path(f"{folder}{path}")
        before = file.read_bytes()
        file.write_bytes(FILE_DAMAGES[kind](before))
        assert file.read_bytes() != before

    return Stand(
        FolderStore(folder), lambda: FolderStore(folder), lambda path: Path(f"{folder}{path}").read_bytes(), damage
    )


def _s3(request, emulator: str) -> Stand:
    client = _s3_client(request.getfixturevalue(emulator))
    _empty_s3(client)

    def look(path: str) -> Lying:
        found = client.get_object(Bucket=BUCKET, Key=path[1:])
        return Lying(
            found["Body"].read(),
            found["ContentType"],
            found["Metadata"],
            found.get("ContentEncoding"),
            found["CacheControl"],
        )

    def damage(path: str, kind: str) -> None:
        lying = DAMAGES[kind](look(path))
        encoding = {"ContentEncoding": lying.encoding} if lying.encoding else {}
        client.put_object(
            Bucket=BUCKET,
            Key=path[1:],
            Body=lying.body,
            ContentType=lying.content_type,
            Metadata=lying.metadata,
            **encoding,
        )

    return Stand(S3Store(BUCKET, client), lambda: S3Store(BUCKET, client), look, damage)


@cache
def _s3_client(url: str) -> Any:
    """Made once: that takes longer than most tests. The stores of ``test_s3.py`` make their own."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="somebody",
        aws_secret_access_key="nothing",
        region_name="us-east-1",
    )


def _empty_s3(client: Any) -> None:
    if BUCKET not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=BUCKET)
    for lying in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=lying["Key"])


def _gcs(request, tmp_path) -> Stand:
    from google.cloud.storage import Client

    request.getfixturevalue("google")(request.getfixturevalue("gcs_emulator"))
    client = Client(project="nobody")
    bucket = client.lookup_bucket(BUCKET) or client.create_bucket(BUCKET)
    for blob in list(bucket.list_blobs()):
        blob.delete()

    def look(path: str) -> Lying:
        blob: Any = bucket.get_blob(path[1:])
        said = (blob.content_type, blob.metadata or {}, blob.content_encoding, blob.cache_control)
        return Lying(blob.download_as_bytes(), *said)

    def damage(path: str, kind: str) -> None:
        lying = DAMAGES[kind](look(path))
        blob = bucket.blob(path[1:])
        blob.metadata, blob.content_encoding = dict(lying.metadata), lying.encoding
        blob.upload_from_string(lying.body, content_type=lying.content_type)

    return Stand(GcsStore(BUCKET), lambda: GcsStore(BUCKET), look, damage)


_STANDS: dict[str, Callable[[Any, Path], Stand]] = {
    "memory": _memory,
    "folder": _folder,
    "moto": lambda request, _: _s3(request, "moto"),
    "ministack": lambda request, _: _s3(request, "ministack"),
    "gcs": _gcs,
}


@pytest.fixture
def restless_threads():
    """Threads take turns after every few instructions, so that what is not guarded is seen half done."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def run_together() -> Callable[..., list[Any]]:
    """What each of the calls returned, when all of them are made at once, each in a thread of its own."""

    def run(*calls: Callable[[], Any]) -> list[Any]:
        start = threading.Barrier(len(calls))
        returned: dict[int, Any] = {}

        def go(number: int, call: Callable[[], Any]) -> None:
            start.wait()
            returned[number] = call()

        threads = [threading.Thread(target=go, args=each) for each in enumerate(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [returned[number] for number in range(len(calls))]

    return run
