"""``Cache-Status`` (RFC 9211): why the gateway asked the model or did not, and whether the answer was stored."""

from typing import Any

from http_sf import Token, ser

_NAME = Token("inference-edge-cache")


def hit(ttl: int) -> str:
    """Answered from the store, without the model. ``ttl`` is what is left of the result's life, in seconds."""
    return _status({"hit": True, "ttl": ttl})


def forwarded(why: str, status: int | None = None, *, stored: bool = False, collapsed: bool = False) -> str:
    """The model was asked and the answer says all there is to say."""
    return _forwarded(why, status, stored=stored, collapsed=collapsed)


def not_stored(why: str, status: int | None, detail: str, *, collapsed: bool = False) -> str:
    """The model was asked, or would have been, and the answer is not stored: ``detail`` says why."""
    return _forwarded(why, status, detail=detail, collapsed=collapsed)


def refused(detail: str) -> str:
    """Nobody was asked."""
    return _status({"detail": _text(detail)})


def _forwarded(why: str, status: int | None, *, stored: bool = False, collapsed: bool = False, detail: str = "") -> str:
    parameters: dict[str, Any] = {"fwd": Token(why)}
    if status is not None:
        parameters["fwd-status"] = status
    if stored:
        parameters["stored"] = True
    if collapsed:
        parameters["collapsed"] = True
    if detail:
        parameters["detail"] = _text(detail)
    return _status(parameters)


def _text(detail: str) -> str:
    # RFC 9651 section 3.3.3: a string holds visible ASCII.
    return "".join(character if " " <= character <= "~" else "?" for character in detail)


def _status(parameters: dict[str, Any]) -> str:
    members: Any = [(_NAME, parameters)]  # its own annotations leave out a token that has parameters
    return ser(members)
