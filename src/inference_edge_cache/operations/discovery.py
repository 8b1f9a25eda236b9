"""The discovery document of a deployed cache."""

from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.protocol import DiscoveryError, EdgeConfig, parse_edge_config
from inference_edge_cache.protocol.discovery import MAX_DOCUMENT_BYTES

SECONDS = 20.0


def fetch_config(url: str) -> EdgeConfig:
    """The document at ``url``. Raises ``EdgeCacheError`` when there is none."""
    import httpx

    document = bytearray()
    try:
        with httpx.stream("GET", url, timeout=SECONDS, headers={"accept-encoding": "identity"}) as response:
            status = response.status_code
            for chunk in response.iter_raw():
                document += chunk
                if len(document) > MAX_DOCUMENT_BYTES:
                    break
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise EdgeCacheError(f"{url} cannot be read: {type(error).__name__}") from error
    if status != 200:
        raise EdgeCacheError(f"{url} is not the discovery document of an edge cache: it answers {status}")
    try:
        return parse_edge_config(bytes(document))
    except DiscoveryError as error:
        raise EdgeCacheError(f"{url} is not a discovery document: {error}") from error
