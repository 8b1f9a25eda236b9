"""Results in an S3 bucket, under their paths: CloudFront reads the same objects by itself.

What S3 does is cited from docs.aws.amazon.com/AmazonS3/latest: API/API_GetObject.html, API/API_PutObject.html and
userguide/conditional-writes.html.
"""

import re
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

from inference_edge_cache.gateway.needs import once, require
from inference_edge_cache.gateway.store import Damaged, Result, Stored, StoreFailed
from inference_edge_cache.gateway.stores.labels import Label, check_headers, object_name

CONNECT_TIMEOUT = 2
READ_TIMEOUT = 5
"""Seconds without a byte. A request waits for the store, and there is a model to ask instead."""
ATTEMPTS = 2
"""In all. A retried write whose first try did arrive finds its own result, and so loses the race to itself."""
CONNECTIONS = 64

_LOST = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""412, and 409 when two writes met. With If-Match, 404 when somebody deleted the object."""
_ERROR_CODE = re.compile(r"[A-Za-z0-9]{1,64}")


class S3Store:
    """Reads and writes with ``client``, or with one of boto3 that is made when it is first needed.

    The ETag is S3's own, and so is the version: S3 replaces an object only when its ETag is the one that was read. For
    an object that is not encrypted with a KMS key it is a digest of the body, hence two writers that replace it with
    one and the same body both succeed. ``last_modified`` of a new object is the ``Date`` of S3's answer, which has no
    ``Last-Modified``; it may be a second later than what S3 says from then on.

    Needs ``s3:GetObject``, ``s3:PutObject`` and ``s3:ListBucket``: without the last one S3 answers 403 for an object
    that is not there, and 403 is ``StoreFailed``.
    """

    def __init__(self, bucket: str, client: Any = None, *, region: str | None = None) -> None:
        if client is None:
            require("boto3", "a store in S3")
        self._bucket = bucket
        self._client = once(lambda: _make_client(region) if client is None else client)

    def get(self, path: str) -> Stored | Damaged | None:
        name = object_name(path)
        with _asking():
            from botocore.exceptions import ClientError

            try:
                found = self._client().get_object(Bucket=self._bucket, Key=name)
            except ClientError as error:
                if _code(error) == "NoSuchKey":
                    return None
                raise
            with closing(found["Body"]) as stream:
                label = None if found.get("ContentEncoding") else Label.read(found["Metadata"])
                result = None if label is None else label.result(stream.read(), found.get("ContentType"))
        version = found["ETag"]
        if result is None:
            return Damaged(version)
        return Stored(result, etag=version, last_modified=int(found["LastModified"].timestamp()), version=version)

    def put(self, path: str, result: Result, cache_control: str, replaces: str | None = None) -> Stored | None:
        name = object_name(path)
        check_headers(result, cache_control)
        label = Label.of(result)
        condition = {"IfNoneMatch": "*"} if replaces is None else {"IfMatch": replaces}
        with _asking():
            from botocore.exceptions import ClientError

            try:
                written = self._client().put_object(
                    Bucket=self._bucket,
                    Key=name,
                    Body=result.body,
                    ContentType=result.content_type,
                    CacheControl=cache_control,
                    Metadata=label.metadata(),
                    ChecksumSHA256=b64encode(bytes.fromhex(label.sha_256)).decode("ascii"),
                    **condition,
                )
            except ClientError as error:
                if _code(error) in _LOST or (replaces is not None and _code(error) == "NoSuchKey"):
                    return None
                raise
        date = _date(written["ResponseMetadata"]["HTTPHeaders"])
        return Stored(result, etag=written["ETag"], last_modified=date, version=written["ETag"])


def _make_client(region: str | None) -> Any:
    from boto3.session import Session
    from botocore.config import Config

    return Session().client(
        "s3",
        region_name=region,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            max_pool_connections=CONNECTIONS,
        ),
    )


@contextmanager
def _asking() -> Iterator[None]:
    """Whatever goes wrong inside is ``StoreFailed``. What S3 and botocore say of it holds URLs, so it is only named."""
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (BotoCoreError, ClientError, HTTPError, OSError) as error:
        raise StoreFailed(f"S3: {_code(error) or type(error).__name__}") from None


def _code(error: Exception) -> str | None:
    """S3's own code for what went wrong; ``None`` when it is not S3 that said so."""
    response: Any = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, Mapping) else None
    return code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else None


def _date(headers: Mapping[str, str]) -> int:
    """RFC 9110 section 6.6.1; our own clock when what answered has none."""
    try:
        return int(parsedate_to_datetime(headers["date"]).timestamp())
    except (KeyError, ValueError):
        return int(time.time())
