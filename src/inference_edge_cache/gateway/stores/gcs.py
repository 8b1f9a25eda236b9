"""Results in a Cloud Storage bucket, under their paths: Media CDN reads the same objects by itself.

What Cloud Storage does is cited from cloud.google.com/storage/docs: request-preconditions, hashes-etags, transcoding,
json_api/v1/objects.
"""

import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from inference_edge_cache.gateway.needs import once, require
from inference_edge_cache.gateway.store import Damaged, Result, Stored, StoreFailed
from inference_edge_cache.gateway.stores.labels import Label, check_headers, object_name

TIMEOUT = (2, 5)
"""Seconds to connect, and without a byte. A request waits for the store, and there is a model to ask instead."""
RETRY_SECONDS = 3
"""No read is begun again after that. A write is sent once: the client would repeat it for two minutes."""
READS = 2
"""How often an object is looked at that is replaced while it is being read."""

_REASON = re.compile(r"[A-Za-z]{1,64}")


class GcsStore:
    """Reads and writes with ``client``, or with one of google-cloud-storage that is made when it is first needed.

    The version is the object's generation. A read is two requests, one for the metadata and one for the body of that
    generation: the JSON API has no single one that answers both.

    The ETag is the MD5 of the body, as the XML API gives it to whoever reads the object by itself, Media CDN among
    them; the ETag of the JSON API, ``Blob.etag``, is another one (hashes-etags). Under a customer-managed key the XML
    API makes up a third one: a validator of the gateway is then no validator of the bucket, and what was to be a 304
    is a 200.

    Needs ``storage.objects.get``, ``create``, ``delete`` (to replace one) and ``list``: without the last one an object
    that is not there is 403, and 403 is ``StoreFailed``. In a bucket that does not exist nothing is found, and every
    write fails with 404. One object takes about one write in a second; one that comes too soon fails with 429.
    """

    def __init__(self, bucket: str, client: Any = None) -> None:
        if client is None:
            require("google.cloud.storage", "a store in Cloud Storage")
        self._bucket = once(lambda: (_make_client() if client is None else client).bucket(bucket))

    def get(self, path: str) -> Stored | Damaged | None:
        name = object_name(path)
        with _asking():
            from google.api_core.exceptions import NotFound, PreconditionFailed

            for _ in range(READS):
                blob = self._bucket().get_blob(name, timeout=TIMEOUT, retry=_retry())
                if blob is None:
                    return None
                try:
                    return _read(blob)
                except (NotFound, PreconditionFailed):  # this generation is gone since
                    continue
        raise StoreFailed("GCS: replaced again and again while it was read")

    def put(self, path: str, result: Result, cache_control: str, replaces: str | None = None) -> Stored | None:
        name = object_name(path)
        check_headers(result, cache_control)
        with _asking():
            from google.api_core.exceptions import PreconditionFailed

            blob = self._bucket().blob(name)
            blob.cache_control = cache_control
            blob.content_type = result.content_type
            blob.metadata = Label.of(result).metadata()
            try:
                blob.upload_from_string(
                    result.body,
                    content_type=result.content_type,
                    if_generation_match=0 if replaces is None else int(replaces),  # 0: nothing lies there
                    timeout=TIMEOUT,
                    retry=None,
                )
            except PreconditionFailed:
                return None
            return Stored(result, _etag(blob), _last_modified(blob), version=str(blob.generation))


def _make_client() -> Any:
    from google.cloud.storage import Client

    client: Any = Client(project=None)  # no request for an object names one
    # From 3.17 on it would ask for the bucket's own metadata, for the sake of traces: in a thread behind our back, with
    # retries for two minutes, and with a permission that nothing else here needs.
    client._bucket_metadata_cache = None
    return client


def _retry() -> Any:
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_delay(initial=0.1, maximum=1).with_timeout(RETRY_SECONDS)


def _read(blob: Any) -> Stored | Damaged:
    """What lies in the bucket as exactly the generation at which ``blob`` was found.

    Nothing is inflated: what is stored with an encoding is not ours. No checksum but our own is asked for.
    """
    version = str(blob.generation)
    label = None if blob.content_encoding or not blob.md5_hash else Label.read(blob.metadata)
    if label is None:
        return Damaged(version)
    etag, last_modified, content_type = _etag(blob), _last_modified(blob), blob.content_type
    body = blob.download_as_bytes(raw_download=True, checksum=None, timeout=TIMEOUT, retry=_retry())
    result = label.result(body, content_type)
    return Damaged(version) if result is None else Stored(result, etag, last_modified, version)


def _etag(blob: Any) -> str:
    return f'"{b64decode(blob.md5_hash).hex()}"'


def _last_modified(blob: Any) -> int:
    return int(blob.updated.timestamp())


@contextmanager
def _asking() -> Iterator[None]:
    """Whatever goes wrong inside is ``StoreFailed``. What the client says of it holds URLs, so it is only named."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, DataCorruption, InvalidResponse, HTTPError, OSError) as error:
        raise StoreFailed(f"GCS: {_name(error)}") from None


def _name(error: Exception) -> str:
    """The status and the reason, if it is Cloud Storage that says so."""
    errors: Any = getattr(error, "errors", None)
    reason = errors[0].get("reason") if errors and isinstance(errors[0], dict) else None
    known = f" {reason}" if isinstance(reason, str) and _REASON.fullmatch(reason) else ""
    status: Any = getattr(error, "code", None)
    return f"{int(status)}{known}" if isinstance(status, int) else type(error).__name__
