"""A purge on GCP, with google-cloud-storage and the credentials that google-auth finds."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from inference_edge_cache.errors import MissingExtraError
from inference_edge_cache.operations.purge import CloudRefused
from inference_edge_cache.operations.targets import Deployment

API = "https://networkservices.googleapis.com/v1/"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT = 60
AT_ONCE = 8
"""Objects that are deleted at the same time: the JSON API deletes one with each request."""


class GcpSide:
    """Cloud Storage and Media CDN.

    Needs ``storage.objects.list`` and ``storage.objects.delete`` on the results bucket, and
    ``networkservices.edgeCacheServices.invalidateCache`` on the service
    (cloud.google.com/media-cdn/docs/reference/rest/v1/projects.locations.edgeCacheServices/invalidateCache).
    """

    def __init__(self, deployment: Deployment) -> None:
        try:
            import google.auth
            from google.auth.transport.requests import AuthorizedSession
            from google.cloud.storage import Client
        except ImportError as error:  # google.auth.transport.requests itself is there without requests
            raise MissingExtraError("purge-gcp", "A purge on GCP") from error
        self._deployment = deployment
        with _asking("GCP"):
            credentials, _ = google.auth.default(scopes=[SCOPE])
            self._session = AuthorizedSession(credentials)
            client: Any = Client(project=deployment.cache_id.split("/")[1], credentials=credentials)
            # From 3.17 on it would ask for the bucket's own metadata, with a permission that nothing else here needs.
            client._bucket_metadata_cache = None
            self._bucket = client.bucket(deployment.results_bucket)

    def names(self, prefix: str) -> Iterator[list[str]]:
        with _asking("Cloud Storage"):
            found = self._bucket.list_blobs(prefix=prefix, fields="items(name),nextPageToken", timeout=TIMEOUT)
            for page in found.pages:
                yield [blob.name for blob in page]

    def delete(self, names: list[str]) -> Mapping[str, int]:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return Counter(code for code in threads.map(self._delete, names) if code)

    def _delete(self, name: str) -> str | None:
        from google.api_core.exceptions import NotFound

        try:
            with _asking("Cloud Storage"), suppress(NotFound):  # somebody was faster
                self._bucket.delete_blob(name, timeout=TIMEOUT)
        except CloudRefused as refused:
            return refused.code
        return None

    def invalidate(self, path: str) -> str:
        with _asking("Media CDN"):
            url = f"{API}{self._deployment.cache_id}:invalidateCache"
            answer = self._session.post(url, json={"path": path}, timeout=TIMEOUT)
        if not answer.ok:
            raise CloudRefused("Media CDN", f"{answer.status_code} {answer.reason}".strip())
        return ""


@contextmanager
def _asking(service: str) -> Iterator[None]:
    """What the clients say of an error holds URLs, so it is only named."""
    from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from requests.exceptions import RequestException

    try:
        yield
    except GoogleAPICallError as error:
        raise CloudRefused(service, f"{error.code or ''} {type(error).__name__}".strip()) from None
    except (GoogleAPIError, GoogleAuthError, RequestException, OSError) as error:
        raise CloudRefused(service, type(error).__name__) from None
