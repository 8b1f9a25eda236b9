"""The store in Cloud Storage, on the wire: what it asks, and what it makes of answers that the emulator cannot give.

gcp-storage-emulator keeps objects with their metadata, their content type and their MD5, and the contract tests run on
it. It does not read ``ifGenerationMatch`` or ``generation``, so nobody ever loses a race there; it checks no permission
and never fails. What is left is proven here from both sides: the requests, written down as they came over HTTP, carry
the precondition that cloud.google.com/storage/docs/request-preconditions asks for; and the status that it promises for
one that does not hold, given by a server, is a lost race.
"""

import gzip
import json
from base64 import b64encode
from email import message_from_bytes
from urllib.parse import parse_qs, urlsplit

import pytest
from google_crc32c import Checksum

from inference_edge_cache.gateway.store import Damaged, Result, StoreFailed
from inference_edge_cache.gateway.stores import gcs
from inference_edge_cache.gateway.stores.gcs import GcsStore

HELLO = Result(b"hello", "application/json", 1_700_000_000)
HELLO_SHA_256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
HELLO_MD5 = "5d41402abc4b2a76b9719d911017c592"
METADATA = {"iec-format": "1", "iec-produced-at": "1700000000", "iec-sha-256": HELLO_SHA_256}


def resource(generation: int = 1_700_000_000_123_456, **fields: object) -> dict[str, object]:
    """An object as the JSON API describes it."""
    return {
        "kind": "storage#object",
        "generation": str(generation),
        "metageneration": "1",
        "contentType": "application/json",
        "updated": "2023-11-14T22:13:21.987Z",
        "size": "5",
        "md5Hash": "XUFAKrxLKna5cZ2REBfFkg==",
        "etag": "CMCs3ryDxYIDEAE=",
        "metadata": METADATA,
        **fields,
    }


@pytest.fixture
def found(scripted):
    """Have the server describe an object next."""

    def answer(generation: int = 1_700_000_000_123_456, **fields: object) -> None:
        body = json.dumps(resource(generation, **fields)).encode()
        scripted.answer(200, body, {"content-type": "application/json"})

    return answer


@pytest.fixture
def refused(scripted, path):
    """Have the server refuse next, in its own words: with the path."""

    def answer(status: int, reason: str = "backendError") -> None:
        error = {"code": status, "message": path, "errors": [{"message": path, "reason": reason}]}
        scripted.answer(status, json.dumps({"error": error}).encode(), {"content-type": "application/json"})

    return answer


@pytest.fixture
def store(google, scripted):
    google(scripted.url)
    return GcsStore("results")


def asked(seen) -> tuple[str, dict[str, str]]:
    """Path and query of a request."""
    url = urlsplit(seen.target)
    return url.path, {name: values[0] for name, values in parse_qs(url.query).items()}


# What it asks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("replaces", "generation"), [(None, "0"), ("1700000000123456", "1700000000123456")])
def test_a_write_holds_only_for_the_generation_that_was_read_and_0_is_none(
    store, scripted, found, path, replaces, generation
):
    found()
    store.put(path, HELLO, "no-store", replaces)
    (seen,) = scripted.seen
    where, query = asked(seen)
    assert (seen.method, where) == ("POST", "/upload/storage/v1/b/results/o")
    assert query == {"uploadType": "multipart", "ifGenerationMatch": generation}


@pytest.mark.parametrize(("replaces", "generation"), [(None, "0"), ("1700000000123456", "1700000000123456")])
def test_so_does_a_write_in_several_requests(store, scripted, found, path, replaces, generation):
    """More than 8 MiB travel in an upload session, which carries the precondition from its start."""
    large = Result(b"x" * (8 * 1024 * 1024 + 1), "application/json", 0)
    scripted.answer(200, headers={"location": f"{scripted.url}/session"})
    found(crc32c=b64encode(Checksum(large.body).digest()).decode())
    store.put(path, large, "no-store", replaces)
    start, body = scripted.seen
    assert asked(start) == (
        "/upload/storage/v1/b/results/o",
        {"uploadType": "resumable", "ifGenerationMatch": generation},
    )
    assert (body.method, body.target, body.body) == ("PUT", "/session", large.body)


def test_a_session_that_ends_with_another_body_is_a_failure(store, scripted, found, path):
    scripted.answer(200, headers={"location": f"{scripted.url}/session"})
    found(crc32c="AAAAAA==")
    with pytest.raises(StoreFailed, match=r"^GCS: DataCorruption$"):
        store.put(path, Result(b"x" * (8 * 1024 * 1024 + 1), "application/json", 0), "no-store")


def test_an_object_is_written_whole_with_its_metadata_in_one_request(store, scripted, found, path):
    found()
    store.put(path, HELLO, "public, s-maxage=60")
    (seen,) = scripted.seen
    head = b"content-type: " + seen.headers["content-type"].encode() + b"\r\n\r\n"
    metadata, body = message_from_bytes(head + seen.body).get_payload()
    said = json.loads(metadata.get_payload())
    assert said.pop("crc32c") == "mnG7TA=="
    assert said == {
        "name": path[1:],
        "contentType": "application/json",
        "cacheControl": "public, s-maxage=60",
        "metadata": METADATA,
    }
    assert (body.get_payload(decode=True), body.get_content_type()) == (b"hello", "application/json")


def test_the_body_is_read_of_the_generation_that_was_described_and_as_it_is_stored(store, scripted, found, path):
    found()
    scripted.answer(200, b"hello")
    store.get(path)
    about, body = scripted.seen
    name = path[1:].replace("/", "%2F")
    assert asked(about)[0] == f"/storage/v1/b/results/o/{name}"
    assert asked(body) == (
        f"/download/storage/v1/b/results/o/{name}",
        {"alt": "media", "generation": "1700000000123456"},
    )
    assert body.headers["accept-encoding"] == "gzip"


def test_a_client_that_is_given_is_used(scripted, found, path):
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client

    client = Client("ours", AnonymousCredentials(), client_options={"api_endpoint": scripted.url})
    found()
    assert GcsStore("results", client).put(path, HELLO, "no-store") is not None


# What it makes of answers ---------------------------------------------------------------------------------------------


def test_the_etag_is_the_one_of_the_xml_api_and_not_the_one_of_the_json_api(store, scripted, found, path):
    found()
    put = store.put(path, HELLO, "no-store")
    scripted.answers.clear()
    found()
    scripted.answer(200, b"hello", {"etag": "CMCs3ryDxYIDEAE=", "content-type": "text/plain"})
    got = store.get(path)
    assert got == put
    assert (got.etag, got.version, got.last_modified) == (f'"{HELLO_MD5}"', "1700000000123456", 1_700_000_001)
    assert got.result == HELLO


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": {}},
        {"metadata": None},
        {"contentEncoding": "gzip"},
        {"contentEncoding": "identity"},
        {"md5Hash": None, "componentCount": 2},
    ],
    ids=["not ours", "no metadata", "gzip", "any encoding", "composed of others"],
)
def test_what_is_not_ours_is_damaged_and_not_even_read(store, scripted, found, path, fields):
    found(**fields)
    assert store.get(path) == Damaged("1700000000123456")
    assert len(scripted.seen) == 1


def test_another_body_than_the_one_described_is_damaged(store, scripted, found, path):
    found()
    scripted.answer(200, b"hullo", {"x-goog-hash": "crc32c=mnG7TA==,md5=XUFAKrxLKna5cZ2REBfFkg=="})
    assert store.get(path) == Damaged("1700000000123456")


def test_what_comes_with_an_encoding_is_not_inflated(store, scripted, found, path):
    """cloud.google.com/storage/docs/transcoding: what is served may differ from what is stored."""
    found()
    scripted.answer(200, gzip.compress(b"hello"), {"content-encoding": "gzip"})
    assert store.get(path) == Damaged("1700000000123456")


@pytest.mark.parametrize("replaces", [None, "1700000000123456"])
def test_who_is_too_late_is_told_so(store, scripted, refused, path, replaces):
    refused(412, "conditionNotMet")
    assert store.put(path, HELLO, "no-store", replaces) is None
    assert len(scripted.seen) == 1


def test_what_is_replaced_while_it_is_read_is_read_again(store, scripted, found, refused, path):
    found(1)
    refused(404, "notFound")
    found(2)
    scripted.answer(200, b"hello")
    assert store.get(path).version == "2"
    assert [asked(seen)[1].get("generation") for seen in scripted.seen] == [None, "1", None, "2"]


def test_what_is_removed_while_it_is_read_is_not_there(store, found, refused, path):
    found()
    refused(404, "notFound")
    assert store.get(path) is None


def test_what_is_replaced_again_and_again_is_not_waited_for(store, scripted, found, refused, path):
    found(1)
    refused(404, "notFound")
    found(2)
    refused(404, "notFound")
    with pytest.raises(StoreFailed, match=r"^GCS: replaced again and again while it was read$"):
        store.get(path)
    assert len(scripted.seen) == 4


# Failures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "reason"), [(400, "invalid"), (403, "forbidden"), (412, "conditionNotMet")])
def test_a_refused_read_is_named_without_the_path(store, scripted, refused, path, status, reason):
    refused(status, reason)
    with pytest.raises(StoreFailed) as raised:
        store.get(path)
    assert str(raised.value) == f"GCS: {status} {reason}"
    assert raised.value.__suppress_context__
    assert len(scripted.seen) == 1


def test_a_body_that_is_refused_is_named_without_the_path(store, found, refused, path):
    found()
    refused(403, "forbidden")
    with pytest.raises(StoreFailed) as raised:
        store.get(path)
    assert str(raised.value).startswith("GCS: 403")
    assert path not in str(raised.value)


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_a_write_that_fails_is_not_sent_again_and_named_without_the_path(store, scripted, refused, path, status):
    refused(status)
    with pytest.raises(StoreFailed) as raised:
        store.put(path, HELLO, "no-store")
    assert str(raised.value).startswith(f"GCS: {status}")
    assert path not in str(raised.value)
    assert raised.value.__suppress_context__
    assert len(scripted.seen) == 1


def test_a_reason_that_is_none_is_not_repeated(store, refused, path):
    refused(403, path)
    with pytest.raises(StoreFailed, match=r"^GCS: 403$"):
        store.get(path)


def test_what_is_no_answer_of_cloud_storage_is_a_failure(store, scripted, path):
    scripted.answer(200, b"<html>" + path.encode(), {"content-type": "application/json"})
    with pytest.raises(StoreFailed, match=r"^GCS: [A-Za-z]+$"):
        store.get(path)


def test_a_read_that_fails_once_is_tried_again(store, scripted, found, refused, path):
    refused(503)
    found()
    refused(503)
    scripted.answer(200, b"hello")
    assert store.get(path).result == HELLO


def test_a_read_that_keeps_failing_is_given_up(store, scripted, refused, path, monkeypatch):
    monkeypatch.setattr(gcs, "RETRY_SECONDS", 0.05)
    refused(503)
    with pytest.raises(StoreFailed, match=r"^GCS: RetryError$"):
        store.get(path)
    assert len(scripted.seen) < 5


def test_a_body_that_breaks_off_is_a_failure_and_not_damage(store, scripted, found, path, monkeypatch):
    monkeypatch.setattr(gcs, "RETRY_SECONDS", 0.05)
    found()
    scripted.answer(200, b"hel", length=5)
    with pytest.raises(StoreFailed, match=r"^GCS: [A-Za-z]+$"):
        store.get(path)


@pytest.mark.parametrize("ask", [lambda store, path: store.get(path), lambda store, path: store.put(path, HELLO, "x")])
def test_a_store_that_is_not_there_is_a_failure(google, nobody, path, monkeypatch, ask):
    monkeypatch.setattr(gcs, "RETRY_SECONDS", 0.05)
    google(nobody)
    with pytest.raises(StoreFailed, match=r"^GCS: [A-Za-z]+$"):
        ask(GcsStore("results"), path)


def test_without_credentials_the_store_fails(monkeypatch, path, tmp_path):
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(StoreFailed, match=r"^GCS: DefaultCredentialsError$"):
        GcsStore("results").get(path)


def test_in_a_bucket_that_is_not_there_nothing_is_found_and_every_write_fails(google, gcs_emulator, path):
    google(gcs_emulator)
    store = GcsStore("no-such-bucket")
    assert store.get(path) is None
    with pytest.raises(StoreFailed, match=r"^GCS: 404"):
        store.put(path, HELLO, "no-store")
