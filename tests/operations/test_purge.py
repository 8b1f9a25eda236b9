"""A purge against the clouds' own APIs: the order, pieces, and what is left undone when something is refused."""

import json
import subprocess
import sys
from collections import Counter

import pytest
from operations_kit import BUCKET, DOCUMENT, SERVICE, Says, aws_environment, serving

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import MissingExtraError
from inference_edge_cache.operations.purge import CloudRefused, Outcome, count, purge, side_of
from inference_edge_cache.operations.targets import Deployment, Extent
from inference_edge_cache.protocol import inference_path

ROUTE, OTHER = "/v1/embeddings", "/v1/rerank"


def path_of(number: int, route: str = ROUTE, scope: str = "scope-_abcde") -> str:
    return inference_path(route, "Generation01", scope, f"{number:042}A")


class Told:
    """A cloud that writes down what it is told, and fails as it is told to."""

    def __init__(self, *pieces: list[str], refuses: dict[str, int] | None = None, fails: str = "") -> None:
        self.pieces, self.refuses, self.fails, self.told = pieces, refuses or {}, fails, []

    def names(self, prefix):
        self.told.append(("list", prefix))
        yield from self.pieces

    def delete(self, names):
        self._do("delete", names)
        return self.refuses

    def invalidate(self, path):
        self._do("invalidate", path)
        return "I1"

    def _do(self, what, how):
        self.told.append((what, how))
        if what == self.fails:
            raise CloudRefused("Cloud", "Broken")


NAMES = [path_of(number)[1:] for number in range(3)]


def test_the_bucket_comes_before_the_edge():
    side, told = Told(NAMES[:2], NAMES[2:]), []
    assert purge(side, Extent(ROUTE), "/v1/embeddings/*", told.append) == Outcome(3, Counter(), "", "I1")
    assert [what for what, _ in side.told] == ["list", "delete", "delete", "invalidate"]
    assert told == [2, 1]


def test_nothing_in_the_bucket_is_no_reason_to_leave_the_edge():
    """A purge that failed between the two is made good by the next one."""
    side = Told()
    assert purge(side, Extent(ROUTE), "/v1/embeddings/*").complete
    assert side.told[-1] == ("invalidate", "/v1/embeddings/*")


def test_only_results_are_deleted():
    side = Told([DOCUMENT], [DOCUMENT, *NAMES, "notes.txt"])
    assert purge(side, Extent(), "/*").deleted == 3
    assert [how for what, how in side.told if what == "delete"] == [NAMES]


@pytest.mark.parametrize(
    ("side", "outcome"),
    [
        (Told(NAMES, refuses={"AccessDenied": 2}), Outcome(1, Counter(AccessDenied=2), "", None)),
        (Told(NAMES, fails="delete"), Outcome(0, Counter(), "Cloud: Broken", None)),
        (Told(NAMES, fails="invalidate"), Outcome(3, Counter(), "Cloud: Broken", None)),
    ],
    ids=["some objects are refused", "the bucket fails", "the edge fails"],
)
def test_what_is_left_undone_is_told(side, outcome):
    found = purge(side, Extent(ROUTE), "/v1/embeddings/*")
    assert found == outcome
    assert not found.complete
    assert [what for what, _ in side.told].count("invalidate") == (side.fails == "invalidate")


# The clouds ----------------------------------------------------------------------------------------------------------
def deployment(account) -> Deployment:
    return Deployment(account.cloud, account.cache_id, BUCKET)


def test_what_is_meant_goes_and_everything_else_stays(account):
    others = [DOCUMENT, path_of(1, OTHER)[1:], path_of(1, ROUTE, "other-scope_")[1:], f"{ROUTE[1:]}.txt"]
    for name in [*others, *NAMES]:
        account.put(name)
    side = side_of(deployment(account))
    extent = Extent(ROUTE, "Generation01", "scope-_abcde")
    assert count(side, extent) == 3
    assert purge(side, extent, "/v1/embeddings/*").deleted == 3
    assert account.names() == sorted(others)
    assert account.invalidated() == ["/v1/embeddings/*"]
    assert count(side, extent) == 0


def test_one_answer(account):
    for name in NAMES:
        account.put(name)
    extent = Extent(ROUTE, "Generation01", "scope-_abcde", f"{1:042}A")
    assert purge(side_of(deployment(account)), extent, path_of(1)).deleted == 1
    assert account.names() == [NAMES[0], NAMES[2]]


def test_all_leaves_the_discovery_document(account):
    for name in [DOCUMENT, *NAMES]:
        account.put(name)
    assert purge(side_of(deployment(account)), Extent(), "/*").deleted == 3
    assert account.names() == [DOCUMENT]


def test_s3_deletes_a_thousand_at_once(aws):
    from moto.s3.models import s3_backends

    backend = s3_backends["123456789012"]["aws"]
    for number in range(1_001):
        backend.put_object(BUCKET, path_of(number)[1:], b"")
    pieces = []
    assert purge(side_of(deployment(aws)), Extent(ROUTE), "/*", pieces.append).deleted == 1_001
    assert pieces == [1_000, 1]
    assert aws.names() == []


S3_LIST = f"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult><Name>{BUCKET}</Name><IsTruncated>false</IsTruncated><KeyCount>3</KeyCount>
{"".join(f"<Contents><Key>{name}</Key></Contents>" for name in NAMES)}</ListBucketResult>"""
S3_REFUSED = f"""<?xml version="1.0" encoding="UTF-8"?>
<DeleteResult><Error><Key>{NAMES[0]}</Key><Code>AccessDenied</Code><Message>{NAMES[0]}</Message></Error>
<Error><Key>{NAMES[1]}</Key><Code>{"x" * 99}</Code></Error></DeleteResult>"""


def s3_error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{NAMES[0]}</Message></Error>".encode()


def cloudfront_error(code: str) -> bytes:
    return f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>".encode()


@pytest.mark.parametrize(
    ("listed", "deleted", "invalidated", "outcome"),
    [
        (
            Says(200, S3_LIST.encode()),
            Says(200, S3_REFUSED.encode()),
            Says(),
            Outcome(1, Counter({"AccessDenied": 1, "an error without a code": 1})),
        ),
        (Says(403, s3_error("AccessDenied")), Says(), Says(), Outcome(stopped="S3: AccessDenied")),
        (
            Says(200, S3_LIST.encode()),
            Says(200, b"<DeleteResult/>"),
            Says(400, cloudfront_error("TooManyInvalidationsInProgress")),
            Outcome(3, stopped="CloudFront: TooManyInvalidationsInProgress"),
        ),
    ],
    ids=["some objects", "the bucket", "the edge"],
)
def test_what_aws_refuses(monkeypatch, listed, deleted, invalidated, outcome):
    def answer(seen):
        if seen.target.startswith("/2020-05-31/"):
            return invalidated
        return deleted if seen.method == "POST" else listed

    with serving(answer) as url:
        aws_environment(monkeypatch, url)
        found = purge(side_of(Deployment(Cloud.AWS, "E1", BUCKET)), Extent(ROUTE), "/v1/embeddings/*")
    assert found == outcome
    assert NAMES[0] not in repr(found)


def test_nobody_there_to_be_asked_on_aws(monkeypatch):
    aws_environment(monkeypatch, "http://127.0.0.1:1")
    with pytest.raises(CloudRefused, match="S3: EndpointConnectionError"):
        count(side_of(Deployment(Cloud.AWS, "E1", BUCKET)), Extent())


@pytest.mark.parametrize(
    ("deleted", "outcome"),
    [
        (Says(403, b'{"error": {"code": 403}}'), Outcome(0, Counter({"403 Forbidden": 3}))),
        (Says(404, b"{}"), Outcome(3, invalidation="")),
    ],
    ids=["forbidden", "gone already"],
)
def test_what_cloud_storage_says_to_a_delete(gcp, monkeypatch, deleted, outcome):
    items = json.dumps({"items": [{"name": name} for name in NAMES]}).encode()

    def answer(seen):
        return deleted if seen.method == "DELETE" else Says(200, items, {"content-type": "application/json"})

    with serving(answer) as url:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        found = purge(side_of(deployment(gcp)), Extent(ROUTE), "/v1/embeddings/~/*")
    assert found == outcome


def test_media_cdn_refuses(gcp):
    gcp.put(NAMES[0])
    gcp.says["invalidate"] = Says(429)
    found = purge(side_of(deployment(gcp)), Extent(ROUTE), "/v1/embeddings/~/*")
    assert found == Outcome(1, stopped="Media CDN: 429 Too Many Requests")


def test_nobody_there_to_be_asked_on_gcp(gcp, monkeypatch):
    monkeypatch.setattr("inference_edge_cache.operations.gcp.API", "http://127.0.0.1:1/")
    assert purge(side_of(deployment(gcp)), Extent(), "/*").stopped == "Media CDN: ConnectionError"


def test_no_credentials_on_gcp(monkeypatch):
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    def none(**_):
        raise DefaultCredentialsError

    monkeypatch.setattr(google.auth, "default", none)
    with pytest.raises(CloudRefused, match="GCP: DefaultCredentialsError"):
        side_of(Deployment(Cloud.GCP, SERVICE, BUCKET))


@pytest.mark.parametrize(
    ("cloud", "missing", "extra"), [(Cloud.AWS, "boto3", "purge-aws"), (Cloud.GCP, "google.cloud.storage", "purge-gcp")]
)
def test_an_sdk_that_is_missing(monkeypatch, cloud, missing, extra):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtraError, match=rf'pip install "inference-edge-cache\[{extra}\]"'):
        side_of(Deployment(cloud, SERVICE, BUCKET))


def test_importing_the_operations_loads_no_sdk():
    modules = ("purge", "targets", "aws", "gcp", "discovery", "requests_file", "journal", "warm")
    imports = ", ".join(f"inference_edge_cache.operations.{module}" for module in modules)
    heavy = "{'boto3', 'google.auth', 'httpx', 'httpx2', 'typer', 'rich', 'pydantic', 'pulumi'}"
    code = f"import sys, {imports}; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
