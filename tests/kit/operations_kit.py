"""Deployed caches as far as their operation needs them: a bucket and an edge that takes invalidations, on each cloud.

S3 and CloudFront are moto's, Cloud Storage is gcp-storage-emulator's, each over HTTP. No emulator has Media CDN: its
one method is a server that takes exactly the request that the reference describes, and writes it down.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest
from http_kit import Handler, Seen, listening

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.cli import main
from inference_edge_cache.gateway.store import Store
from inference_edge_cache.gateway.stores.gcs import GcsStore
from inference_edge_cache.gateway.stores.s3 import S3Store
from inference_edge_cache.local.key import cache_key
from inference_edge_cache.policy import CacheKey, CachePolicy, QueryMode
from inference_edge_cache.protocol import DISCOVERY_PATH

BUCKET = "embed-results-1a2b3c4"
SERVICE = "projects/search-prod/locations/global/edgeCacheServices/embed"
DOCUMENT = DISCOVERY_PATH[1:]
"""The name of an object that lies in every results bucket and is no result."""


# Servers -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Says:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def serving(answer: Callable[[Seen], Says]) -> Iterator[str]:
    """The URL of a server on 127.0.0.1 that answers so."""

    class Responding(Handler):
        def respond(self) -> None:
            says = answer(self.seen())
            with suppress(ConnectionError):  # whoever asked may have left
                self.send_response(says.status)
                for name, value in {"content-length": str(len(says.body)), **says.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(says.body)

        do_GET = do_POST = do_PUT = do_DELETE = respond

    with listening(Responding) as port:
        yield f"http://127.0.0.1:{port}"


@dataclass
class Model:
    """Answers embeddings, reranks, and chats with a text that ends as ``finish_reason`` says."""

    url: str = ""
    asked: list[Seen] = field(default_factory=list)
    says: list[Says] = field(default_factory=list)
    """Said before anything else, one after the other."""
    finish_reason: str = "stop"

    def answer(self, seen: Seen) -> Says:
        self.asked.append(seen)
        if self.says:
            return self.says.pop(0)
        asked = json.loads(seen.body)
        if "messages" in asked:
            message = {"role": "assistant", "content": "four"}
            choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
            answer = {"object": "chat.completion", "model": asked["model"], "choices": [choice]}
        elif "documents" in asked:
            answer = {"results": [{"index": 0, "relevance_score": 0.5}]}
        else:
            data = [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}]
            answer = {"object": "list", "model": asked["model"], "data": data}
        return Says(200, json.dumps(answer).encode(), {"content-type": "application/json"})


@contextmanager
def model_served() -> Iterator[Model]:
    model = Model()
    with serving(model.answer) as url:
        model.url = url
        yield model


# Accounts ------------------------------------------------------------------------------------------------------------
class Account(Protocol):
    """A deployed cache in an account of its own."""

    cloud: Cloud
    cache_id: str

    def put(self, name: str, body: bytes = b"{}") -> None: ...

    def names(self) -> list[str]:
        """What lies in the results bucket."""
        ...

    def invalidated(self) -> list[str]:
        """The paths that the edge was told to forget, in order."""
        ...

    def store(self) -> Store:
        """What a gateway keeps its results in."""
        ...


def outputs_of(account: Account, **more: str) -> str:
    """What pulumi stack output --json prints of it."""
    cache = {"cache_id": account.cache_id, "results_bucket_name": BUCKET, **more}
    return json.dumps({"url": "https://cache.example.com", "cache": cache})


@dataclass
class AwsAccount:
    s3: Any
    cloudfront: Any
    cache_id: str
    cloud: Cloud = Cloud.AWS

    def put(self, name: str, body: bytes = b"{}") -> None:
        self.s3.put_object(Bucket=BUCKET, Key=name, Body=body)

    def names(self) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [each["Key"] for page in pages for each in page.get("Contents", ())]

    def invalidated(self) -> list[str]:
        listed = self.cloudfront.list_invalidations(DistributionId=self.cache_id)["InvalidationList"]
        ids = [each["Id"] for each in sorted(listed.get("Items", ()), key=lambda each: each["CreateTime"])]
        batches = [
            self.cloudfront.get_invalidation(DistributionId=self.cache_id, Id=each)["Invalidation"]["InvalidationBatch"]
            for each in ids
        ]
        return [path for batch in batches for path in batch["Paths"]["Items"]]

    def store(self) -> Store:
        return S3Store(BUCKET, self.s3)


def aws_environment(patch: pytest.MonkeyPatch, url: str) -> None:
    """boto3 asks ``url`` for everything, as nobody in particular."""
    patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.setenv("AWS_ENDPOINT_URL", url)
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.setenv("AWS_MAX_ATTEMPTS", "1")
    patch.delenv("AWS_PROFILE", raising=False)


def aws_account(patch: pytest.MonkeyPatch, url: str) -> AwsAccount:
    """An account with an empty results bucket and a distribution, as the environment from here on."""
    import boto3

    aws_environment(patch, url)
    s3, cloudfront = boto3.client("s3"), boto3.client("cloudfront")
    with suppress(s3.exceptions.ClientError):
        s3.create_bucket(Bucket=BUCKET)
    account = AwsAccount(s3, cloudfront, _distribution(cloudfront))
    for name in account.names():
        s3.delete_object(Bucket=BUCKET, Key=name)
    return account


def _distribution(cloudfront: Any) -> str:
    domain = f"{BUCKET}.s3.us-east-1.amazonaws.com"
    origin = {"Id": "o", "DomainName": domain, "S3OriginConfig": {"OriginAccessIdentity": ""}}
    made = cloudfront.create_distribution(
        DistributionConfig={
            "CallerReference": str(uuid4()),
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only"},
        }
    )
    return made["Distribution"]["Id"]


@dataclass
class GcpProject:
    bucket: Any
    asked: list[Seen]
    says: dict[str, Says]
    cache_id: str = SERVICE
    cloud: Cloud = Cloud.GCP

    def put(self, name: str, body: bytes = b"{}") -> None:
        self.bucket.blob(name).upload_from_string(body)

    def names(self) -> list[str]:
        return [blob.name for blob in self.bucket.list_blobs()]

    def invalidated(self) -> list[str]:
        return [json.loads(seen.body)["path"] for seen in self.asked]

    def store(self) -> Store:
        return GcsStore(BUCKET, self.bucket.client)


@contextmanager
def gcp_project(patch: pytest.MonkeyPatch, url: str) -> Iterator[GcpProject]:
    """A project with an empty results bucket and a service, as the environment from here on."""
    import google.auth
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client

    asked: list[Seen] = []
    says = {"invalidate": Says(200, b"{}", {"content-type": "application/json"})}

    def answer(seen: Seen) -> Says:
        if seen.method != "POST" or seen.target != f"/v1/{SERVICE}:invalidateCache":
            return Says(404)
        if says["invalidate"].status == 200:
            assert set(json.loads(seen.body)) <= {"host", "path", "cacheTags"}
            asked.append(seen)
        return says["invalidate"]

    patch.setenv("STORAGE_EMULATOR_HOST", url)
    patch.setattr(google.auth, "default", lambda **_: (AnonymousCredentials(), None))
    client = Client(project="search-prod", credentials=AnonymousCredentials())
    bucket = client.lookup_bucket(BUCKET) or client.create_bucket(BUCKET)
    for blob in list(bucket.list_blobs()):
        blob.delete()
    with serving(answer) as media_cdn:
        patch.setattr("inference_edge_cache.operations.gcp.API", f"{media_cdn}/v1/")
        yield GcpProject(bucket, asked, says)


# The command line and the local edge -------------------------------------------------------------------------------
@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


def run(capsys: pytest.CaptureFixture[str], *args: object) -> Ran:
    """A command in this process."""
    with pytest.raises(SystemExit) as left:
        main([str(arg) for arg in args])
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return Ran(int(left.value.code or 0), out, err)


_KEYED_BY_PATH = CachePolicy(default_ttl=0, max_ttl=1, key=CacheKey(query=QueryMode.NONE), compression=False)


def forget(store: Path, cloud: Cloud, pattern: str, paths: Iterable[str]) -> int:
    """Make a local edge forget what an invalidation of ``pattern`` makes a CDN forget; how many answers that were.

    The edge keeps digests of paths, so it has to be told ``paths`` that may match.
    """
    found = [path for path in paths if re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), path)]
    digests = tuple(cache_key(_KEYED_BY_PATH, cloud, path, "", {}) for path in found)
    with closing(sqlite3.connect(store, timeout=10, isolation_level=None)) as database:
        entries = list(database.execute("SELECT id, cache_key FROM entries"))
        gone = [(identity,) for identity, key in entries if _text(key).endswith(digests)] if digests else []
        database.executemany("DELETE FROM entries WHERE id = ?", gone)
    return len(gone)


def _text(key: Any) -> str:
    return key.decode() if isinstance(key, bytes) else str(key)
