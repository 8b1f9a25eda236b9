"""The numbers of route rules: unique, in order where order matters, and steady when routes come and go.

Media CDN takes the rule with the lowest number that matches. Only routes that can match one request need an order: an
exact path or a longer prefix before the prefix it lies under. So a route's number need not count the others. Each has a
home that depends on its own path alone: a band by kind and depth (exact paths first, then prefixes from the deepest to
the default route), and a place in the band by a digest of the path.

A number moves when a new route has the same home and is the more specific one, when a new route that lies under this
one finds no place before it, or when there are so many routes that all are numbered one by one. A moved number is an
update of the service in place: same routes, same addresses, same cache keys.
"""

import hashlib
from collections.abc import Sequence

from inference_edge_cache.plan.paths import PathKind, PathPattern

LONGEST_PRIORITY = 999  # EdgeCacheService routeRules[].priority is 1 to 999
_PLACES = LONGEST_PRIORITY // 2  # two numbers each: one for what a route passes through, one for the rest
_LAST = _PLACES - 1  # the default route's
_DEEPEST = 7  # segments of a prefix; deeper ones share a band
_BAND = 50
_EXACT_BAND = _LAST - _DEEPEST * _BAND


def priorities(paths: Sequence[PathPattern]) -> dict[PathPattern, tuple[int, int]]:
    """Two numbers for each path, ``(pass_through, rest)``. ``paths`` are most specific first."""
    return {path: (2 * place + 1, 2 * place + 2) for path, place in _places(paths).items()}


def _places(paths: Sequence[PathPattern]) -> dict[PathPattern, int]:
    places: dict[PathPattern, int] = {}
    for path in paths:
        earliest = max([_home(path), *(place + 1 for other, place in places.items() if _lies_under(other, path))])
        taken = set(places.values())
        free = next((place for place in range(earliest, _PLACES) if place not in taken), None)
        if free is None:
            return {path: index for index, path in enumerate(paths)}
        places[path] = free
    return places


def _home(path: PathPattern) -> int:
    if path.is_default:
        return _LAST
    digest = int.from_bytes(hashlib.sha256(path.text.encode()).digest()[:8], "big")
    if path.kind is PathKind.EXACT:
        return digest % _EXACT_BAND
    segments = sum(1 for segment in path.literal.split("/") if segment)
    depth = min(max(segments, 1), _DEEPEST)
    return _EXACT_BAND + (_DEEPEST - depth) * _BAND + digest % _BAND


def _lies_under(path: PathPattern, prefix: PathPattern) -> bool:
    return prefix.kind is PathKind.PREFIX and path.literal.startswith(prefix.literal)
