"""How many inputs a request holds, and so how many answers there should be."""

from typing import Any


def count_inputs(value: Any) -> int | None:
    """How many texts ``input`` or ``prompt`` stands for; ``None`` where that is not known.

    platform.openai.com/docs/api-reference/embeddings/create: "a string, array of strings, array of tokens, or array of
    token arrays"; .../completions/create: likewise.
    """
    if isinstance(value, str):
        return 1
    kinds = _kinds(value)
    if kinds == {str}:
        return len(value)
    if kinds == {int}:
        return 1
    if kinds == {list} and all(_kinds(tokens) == {int} for tokens in value):
        return len(value)
    return None


def count_moderated(value: Any) -> int | None:
    """How many results ``input`` of a moderation has: a list of parts, texts and images, is judged as one.

    platform.openai.com/docs/guides/moderation
    """
    if _kinds(value) == {dict}:
        return 1
    return count_inputs(value) if isinstance(value, str) or _kinds(value) == {str} else None


def _kinds(value: Any) -> set[type]:
    return set(map(type, value)) if isinstance(value, list) else set()
