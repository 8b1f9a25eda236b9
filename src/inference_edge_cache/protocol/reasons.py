"""Why an answer was not stored that is not about the request: the same request may be stored the next time.

As the ``detail`` of ``Cache-Status`` (RFC 9211 section 2.8).
"""

STORE_DOWN = "the store is not available"
ANOTHER_WRITE = "another-write"
"""Somebody else wrote the result meanwhile."""
