"""The effective generation of a route: changes with whatever makes its old answers wrong.

It is a segment of the path, so old answers are not deleted but out of reach, at once and alike on both clouds. Without
one, the ways out after a bad prompt template are waiting and restarting (api7/aisix#89).
"""

import hashlib
from dataclasses import dataclass

from inference_edge_cache.protocol import base64url, framing
from inference_edge_cache.protocol.errors import RulesError
from inference_edge_cache.protocol.paths import GENERATION_LENGTH
from inference_edge_cache.protocol.rules import PROTOCOL, RouteRules


@dataclass(frozen=True, kw_only=True)
class OriginIdentity:
    """Which model answers: the endpoint (a URL, or a name and region), its model and variant where they have names.

    Never a credential: rotating one must not empty the cache.
    """

    endpoint: str
    model: str = ""
    variant: str = ""


def effective_generation(generation: str, origin: OriginIdentity, rules: RouteRules, access: str = "keyed") -> str:
    """A digest of 12 characters over the user's ``generation``, the protocol's version, the origin and the rules.

    Of the rules it holds those that decide what an answer is an answer to: dialect, ignored fields, key headers, and
    whether number types are kept. And those by which it could be kept, determinism and remote URLs: answers that were
    kept under a laxer rule are out of reach under a stricter one; so are those that everyone could ask for, by
    ``access`` ``public``, once it is ``keyed``. Raises ``RulesError`` for text that has no UTF-8.
    """
    parts = [
        (b"V", PROTOCOL),
        (b"G", generation),
        (b"E", origin.endpoint),
        (b"M", origin.model),
        (b"A", origin.variant),
        (b"D", rules.dialect),
        (b"S", rules.determinism),
        (b"T", "1" if rules.keep_number_types else "0"),
        (b"U", "1" if rules.remote_urls else "0"),
        *([(b"P", access)] if access != "keyed" else []),
        *((b"I", name) for name in rules.ignored_fields),
        *((b"N", name) for name in rules.key_headers),
    ]
    try:
        framed = framing.join((tag, text.encode("utf-8")) for tag, text in parts)
    except UnicodeEncodeError:
        raise RulesError("a generation or origin has a lone surrogate in it") from None
    return base64url.encode(hashlib.sha256(framed).digest())[:GENERATION_LENGTH]
