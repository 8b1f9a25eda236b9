"""Where results lie: one file per kind of store. Importing this loads none of them, and no cloud's SDK."""

import re
from urllib.parse import unquote, urlsplit

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.store import Store

__all__ = ["store_from"]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
"""Wide enough for both clouds (docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html,
cloud.google.com/storage/docs/buckets#naming); the store itself knows whether the bucket is there."""


def store_from(spec: str) -> Store:
    """The store that ``spec`` names: ``s3://bucket``, ``gs://bucket``, ``memory:`` or ``file:/absolute/path``.

    The last one is a file URL (RFC 8089): ``Path.as_uri()`` writes it, a space is ``%20``. Nothing is asked of
    the cloud yet. Raises ``GatewayConfigError``, and ``ImportError`` when the store's SDK is not installed.
    """
    scheme, _, rest = spec.partition(":")
    bucket = rest.removeprefix("//").removesuffix("/")
    if scheme == "s3" and rest.startswith("//") and _BUCKET.fullmatch(bucket):
        from inference_edge_cache.gateway.stores.s3 import S3Store

        return S3Store(bucket)
    if scheme == "gs" and rest.startswith("//") and _BUCKET.fullmatch(bucket):
        from inference_edge_cache.gateway.stores.gcs import GcsStore

        return GcsStore(bucket)
    if spec == "memory:":
        from inference_edge_cache.gateway.stores.memory import MemoryStore

        return MemoryStore()
    if scheme == "file" and (folder := _folder(spec)) is not None:
        from inference_edge_cache.gateway.stores.folder import FolderStore

        return FolderStore(folder)
    raise GatewayConfigError("store must be s3://bucket, gs://bucket, memory: or file:/absolute/path")


def _folder(spec: str) -> str | None:
    try:
        url = urlsplit(spec)
    except ValueError:
        return None
    path = unquote(url.path)
    whole = url.netloc in ("", "localhost") and "?" not in spec and "#" not in spec
    return path if whole and path.startswith("/") and "\0" not in path else None
