"""Whether the answer to a request may be stored: it has a key, and by its dialect the request alone decides the answer.

The one definition for whoever sends a request, answers it, or explains its key.
"""

from inference_edge_cache.protocol.canonical import canonical_and_document
from inference_edge_cache.protocol.dialects import request_storable
from inference_edge_cache.protocol.outcomes import Bypass, Rejected, RejectedReason
from inference_edge_cache.protocol.preimage import Headers, Preimage, preimage_and_document, request_bypass
from inference_edge_cache.protocol.rules import RouteRules


def storable_request(
    route: str, rules: RouteRules, headers: Headers, body: bytes, query: str = ""
) -> Preimage | Bypass:
    """The preimage of a request whose answer may be stored, or why it may not.

    Raises ``PathError`` when ``route`` is not one; nothing else.
    """
    built = preimage_and_document(route, rules, headers, body, query)
    if isinstance(built, Bypass):
        return built
    preimage, document = built
    storable = request_storable(rules.dialect, document, rules.determinism, remote_urls=rules.remote_urls)
    return preimage if storable is None else storable


def preimage_storable(preimage: Preimage, rules: RouteRules) -> Bypass | Rejected | None:
    """Why the answer to a verified payload may not be stored under the rules of its route; ``None`` when it may.

    ``verify`` proves that a caller of the scope made the payload, not that it was made by the rules: whoever holds K
    can hash any bytes. Only a preimage that ``build_preimage`` makes under ``rules`` is not rejected. Never raises.
    """
    if not {name for name, _ in preimage.headers} <= set(rules.key_headers):
        return Rejected(RejectedReason.NOT_CANONICAL)
    bypass = request_bypass(rules, preimage.headers)
    if bypass is not None:
        return bypass
    read = canonical_and_document(preimage.body, rules)
    if isinstance(read, Bypass) or read[0] != preimage.body:
        return Rejected(RejectedReason.NOT_CANONICAL)
    return request_storable(rules.dialect, read[1], rules.determinism, remote_urls=rules.remote_urls)
