"""The client of an edge cache: a transport for httpx and httpx2, hence for the SDKs that are built on them.

::

    OpenAI(base_url=..., api_key="iec1...", http_client=DefaultHttpxClient(transport=EdgeCacheTransport()))

A POST that the edge can answer leaves as a GET of its own path; everything else leaves as it is. Importing this package
loads neither httpx nor httpx2, and a program that uses one of them never loads the other.
"""

from inference_edge_cache.client.served import EXTENSION, Served, Tier
from inference_edge_cache.client.transports import AsyncEdgeCacheTransport, EdgeCacheTransport

__all__ = ["EXTENSION", "AsyncEdgeCacheTransport", "EdgeCacheTransport", "Served", "Tier"]
