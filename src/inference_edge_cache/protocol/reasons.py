"""Why an answer was not stored that is not about the request: the same request may be stored the next time.

As the ``detail`` of ``Cache-Status`` (RFC 9211 section 2.8), and in the client's own words.
"""

STORE_DOWN = "the store is not available"
ANOTHER_WRITE = "another-write"
"""Somebody else wrote the result meanwhile."""
RELAYED_LIVE = "relayed-live"
"""It is stored when it is complete, which its headers cannot say."""
NO_DOCUMENT = "no-document"
"""The client's: it has no discovery document at hand."""
