"""The store in S3, on the wire: what it asks, and what it makes of answers that no emulator gives."""

import threading
import urllib.request

import pytest

from inference_edge_cache.gateway.store import Damaged, Result, StoreFailed
from inference_edge_cache.gateway.stores import s3
from inference_edge_cache.gateway.stores.s3 import S3Store

HELLO = Result(b"hello", "application/json", 1_700_000_000)
HELLO_SHA_256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
METADATA = {
    "x-amz-meta-iec-format": "1",
    "x-amz-meta-iec-produced-at": "1700000000",
    "x-amz-meta-iec-sha-256": HELLO_SHA_256,
}
FOUND = {
    "content-type": "application/json",
    "etag": '"5d41402abc4b2a76b9719d911017c592"',
    "last-modified": "Tue, 14 Nov 2023 22:13:21 GMT",
    **METADATA,
}


def refusal(code: str, path: str) -> bytes:
    """As S3 words it: with the path."""
    return f"<Error><Code>{code}</Code><Message>{path}</Message><Key>{path[1:]}</Key></Error>".encode()


@pytest.fixture
def store(aws, scripted):
    aws(scripted.url)
    return S3Store("results")


# What it asks ---------------------------------------------------------------------------------------------------------


def test_a_new_object_is_written_only_where_there_is_none(store, scripted, path):
    scripted.answer(200, headers={"etag": '"e"', "date": "Tue, 14 Nov 2023 22:13:20 GMT"})
    store.put(path, HELLO, "public, s-maxage=60")
    (seen,) = scripted.seen
    assert (seen.method, seen.target.partition("?")[0], seen.body) == ("PUT", f"/results{path}", b"hello")
    assert seen.headers["if-none-match"] == "*"
    assert "if-match" not in seen.headers
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["cache-control"] == "public, s-maxage=60"
    assert METADATA.items() <= seen.headers.items()


def test_the_body_travels_whole_with_a_digest_that_s3_checks(store, scripted, path):
    scripted.answer(200, headers={"etag": '"e"'})
    store.put(path, HELLO, "no-store")
    (seen,) = scripted.seen
    assert seen.headers["x-amz-checksum-sha256"] == "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
    assert "content-encoding" not in seen.headers


def test_an_object_is_replaced_only_while_its_etag_is_the_one_that_was_read(store, scripted, path):
    scripted.answer(200, headers={"etag": '"e"'})
    store.put(path, HELLO, "no-store", replaces='"5d41402abc4b2a76b9719d911017c592"')
    (seen,) = scripted.seen
    assert seen.headers["if-match"] == '"5d41402abc4b2a76b9719d911017c592"'
    assert "if-none-match" not in seen.headers


def test_the_bucket_of_another_region_is_signed_for_it(aws, scripted, path):
    aws(scripted.url)
    scripted.answer(404, refusal("NoSuchKey", path))
    assert S3Store("results", region="eu-west-3").get(path) is None
    assert "/eu-west-3/s3/aws4_request" in scripted.seen[0].headers["authorization"]


def test_a_client_that_is_given_is_used(scripted, aws, path):
    import boto3

    client = boto3.client(
        "s3", endpoint_url=scripted.url, aws_access_key_id="mine", aws_secret_access_key="x", region_name="us-east-1"
    )
    scripted.answer(404, refusal("NoSuchKey", path))
    assert S3Store("results", client).get(path) is None
    assert "Credential=mine/" in scripted.seen[0].headers["authorization"]


# What it makes of answers ---------------------------------------------------------------------------------------------


def test_etag_and_last_modified_are_those_of_s3(store, scripted, path):
    scripted.answer(200, b"hello", FOUND)
    got = store.get(path)
    assert (got.result, got.etag, got.version, got.last_modified) == (
        HELLO,
        FOUND["etag"],
        FOUND["etag"],
        1_700_000_001,
    )


def test_a_new_object_has_the_etag_and_the_date_of_the_answer(store, scripted, path):
    scripted.answer(200, headers={"etag": '"e"', "date": "Tue, 14 Nov 2023 22:13:22 GMT"})
    put = store.put(path, HELLO, "no-store")
    assert (put.etag, put.version, put.last_modified) == ('"e"', '"e"', 1_700_000_002)


@pytest.mark.parametrize("headers", [{}, {"date": "soon"}])
def test_without_a_date_our_own_clock_says_when(store, scripted, path, monkeypatch, headers):
    monkeypatch.setattr(s3.time, "time", lambda: 1_700_000_003.9)
    scripted.answer(200, headers={"etag": '"e"', **headers})
    assert store.put(path, HELLO, "no-store").last_modified == 1_700_000_003


def test_what_is_not_ours_is_damaged_and_not_even_read(store, scripted, path):
    """A body of a terabyte is promised and none comes: whoever reads it gets an error."""
    scripted.answer(200, headers={"etag": '"e"', "last-modified": FOUND["last-modified"]}, length=10**12)
    assert store.get(path) == Damaged('"e"')


def test_what_is_stored_with_an_encoding_is_damaged_and_not_inflated(store, scripted, path):
    scripted.answer(200, b"hello", {**FOUND, "content-encoding": "gzip"})
    assert store.get(path) == Damaged(FOUND["etag"])


@pytest.mark.parametrize(
    ("replaces", "status", "code"),
    [
        (None, 412, "PreconditionFailed"),
        (None, 409, "ConditionalRequestConflict"),
        ('"e"', 412, "PreconditionFailed"),
        ('"e"', 409, "ConditionalRequestConflict"),
        ('"e"', 404, "NoSuchKey"),
    ],
)
def test_who_is_too_late_is_told_so(store, scripted, path, replaces, status, code):
    scripted.answer(status, refusal(code, path))
    assert store.put(path, HELLO, "no-store", replaces) is None


def test_a_write_whose_answer_got_lost_is_tried_again_and_then_is_too_late(store, scripted, path):
    scripted.answer(500, refusal("InternalError", path))
    scripted.answer(412, refusal("PreconditionFailed", path))
    assert store.put(path, HELLO, "no-store") is None
    assert [seen.headers["if-none-match"] for seen in scripted.seen] == ["*", "*"]


# Failures -------------------------------------------------------------------------------------------------------------

FAILURES = [
    (403, "AccessDenied"),
    (404, "NoSuchBucket"),
    (409, "OperationAborted"),
    (400, "InvalidRequest"),
]


@pytest.mark.parametrize(("status", "code"), [*FAILURES, (412, "PreconditionFailed")])
def test_a_refused_read_is_named_without_the_path(store, scripted, path, status, code):
    scripted.answer(status, refusal(code, path))
    with pytest.raises(StoreFailed) as raised:
        store.get(path)
    assert str(raised.value) == f"S3: {code}"
    assert raised.value.__suppress_context__
    assert len(scripted.seen) == 1


@pytest.mark.parametrize(("status", "code"), [*FAILURES, (404, "NoSuchKey")])
def test_a_refused_write_is_named_without_the_path(store, scripted, path, status, code):
    scripted.answer(status, refusal(code, path))
    with pytest.raises(StoreFailed) as raised:
        store.put(path, HELLO, "no-store")
    assert str(raised.value) == f"S3: {code}"
    assert raised.value.__suppress_context__
    assert len(scripted.seen) == 1


def test_a_code_that_is_none_is_not_repeated(store, scripted, path):
    scripted.answer(400, refusal(path, path))
    with pytest.raises(StoreFailed, match=r"^S3: ClientError$"):
        store.get(path)


def test_what_is_no_answer_of_s3_is_a_failure(store, scripted, path):
    scripted.answer(404, b"<html>Not found: " + path.encode())
    with pytest.raises(StoreFailed, match=r"^S3: [A-Za-z0-9]+$"):
        store.get(path)


def test_a_store_that_fails_is_asked_twice_and_no_more(store, scripted, path):
    scripted.answer(503, refusal("SlowDown", path))
    with pytest.raises(StoreFailed, match=r"^S3: SlowDown$"):
        store.get(path)
    assert len(scripted.seen) == 2


def test_a_body_that_breaks_off_is_a_failure_and_not_damage(store, scripted, path):
    scripted.answer(200, b"hel", FOUND, length=5)
    with pytest.raises(StoreFailed, match=r"^S3: [A-Za-z]+$"):
        store.get(path)


def test_a_body_that_changed_on_its_way_is_a_failure_and_not_damage(store, scripted, path):
    scripted.answer(200, b"hullo", {**FOUND, "x-amz-checksum-sha256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="})
    with pytest.raises(StoreFailed, match=r"^S3: FlexibleChecksumError$"):
        store.get(path)


def test_a_store_that_says_nothing_is_not_waited_for(store, scripted, path, monkeypatch):
    monkeypatch.setattr(s3, "READ_TIMEOUT", 0.1)
    never = threading.Event()
    scripted.answer(200, b"hello", FOUND, after=never)
    with pytest.raises(StoreFailed, match=r"^S3: ReadTimeoutError$"):
        store.get(path)
    assert len(scripted.seen) == 2
    never.set()


@pytest.mark.parametrize("ask", [lambda store, path: store.get(path), lambda store, path: store.put(path, HELLO, "x")])
def test_a_store_that_is_not_there_is_a_failure(aws, nobody, path, ask):
    aws(nobody)
    with pytest.raises(StoreFailed, match=r"^S3: EndpointConnectionError$"):
        ask(S3Store("results"), path)


def test_without_credentials_the_store_fails(scripted, aws, path, monkeypatch, tmp_path):
    aws(scripted.url)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(StoreFailed, match=r"^S3: NoCredentialsError$"):
        S3Store("results").get(path)
    assert scripted.seen == []


def test_a_bucket_that_is_not_there_is_a_failure_and_not_a_miss(aws, moto, path):
    aws(moto)
    store = S3Store("no-such-bucket")
    with pytest.raises(StoreFailed, match=r"^S3: NoSuchBucket$"):
        store.get(path)
    with pytest.raises(StoreFailed, match=r"^S3: NoSuchBucket$"):
        store.put(path, HELLO, "no-store")


@pytest.fixture
def nobody_in_moto(moto, aws, monkeypatch):
    """A user without a policy, while moto checks policies (docs.getmoto.org, "IAM-like Access Control")."""
    import boto3

    def check_from_request(number: str) -> None:
        headers = {"content-type": "text/plain"}
        request = urllib.request.Request(f"{moto}/moto-api/reset-auth", number.encode(), headers, method="POST")
        assert urllib.request.urlopen(request).status == 200

    iam = boto3.client(
        "iam", endpoint_url=moto, aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1"
    )
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    aws(moto)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    check_from_request("0")
    yield
    check_from_request("inf")
    iam.delete_access_key(UserName="nobody", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="nobody")


@pytest.mark.usefixtures("nobody_in_moto")
def test_who_has_no_permission_is_told_so_without_the_path(path):
    store = S3Store("results")
    with pytest.raises(StoreFailed, match=r"^S3: AccessDenied$"):
        store.get(path)
    with pytest.raises(StoreFailed, match=r"^S3: AccessDenied$"):
        store.put(path, HELLO, "no-store")
