"""What a caller may ask of the cache: two headers of a POST, so that no body and no SDK has to change."""

from dataclasses import dataclass

from inference_edge_cache.gateway.messages import Request

MODE_HEADER, TTL_HEADER = "inference-cache", "inference-cache-ttl"

_LONGEST_TTL_DIGITS = 9


@dataclass(frozen=True)
class Controls:
    """``bypass``: neither read nor store. ``refresh``: ask the model, replace what is stored.

    ``max_age``: the oldest answer that this caller takes, in seconds. It can only ask for younger ones than the policy.
    """

    bypass: bool = False
    refresh: bool = False
    max_age: int | None = None


def read_controls(request: Request) -> Controls | str:
    """The controls of a request, or what is wrong with them, in a sentence."""
    mode, ttl = request.header(MODE_HEADER), request.header(TTL_HEADER)
    if mode not in (None, "bypass", "refresh"):
        return "Inference-Cache must be bypass or refresh"
    if ttl is not None and not (ttl.isascii() and ttl.isdigit() and len(ttl) <= _LONGEST_TTL_DIGITS):
        return "Inference-Cache-TTL must be a whole number of seconds, 0 or more"
    return Controls(mode == "bypass", mode == "refresh", None if ttl is None else int(ttl))
