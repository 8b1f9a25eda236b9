"""The demo's requests: real sentences, asked for in a made-up order.

Real: the sentences, from the documentation that comes with Python. Made up: which one is asked for when. A few are
popular and most are rare (Zipf's law with exponent 1), drawn with a fixed seed: every run asks the same.
"""

import random
import re

SEED = 7
SENTENCES = 400

_SENTENCE = re.compile(r"[A-Z][A-Za-z0-9 ,;:'()-]{40,160}\.(?=\s)")


def sentences(count: int = SENTENCES) -> list[str]:
    """``count`` sentences of Python's own documentation, shuffled with the seed."""
    from pydoc_data.topics import topics

    text = (re.sub(r"\s+", " ", topics[name]) for name in sorted(topics))
    found = sorted({sentence for topic in text for sentence in _SENTENCE.findall(topic)})
    random.Random(SEED).shuffle(found)  # noqa: S311 - repeatable, not secret
    return found[:count]


def replayed(requests: int) -> list[str]:
    """The sentence of each of ``requests`` requests."""
    known = sentences()
    weights = [1 / rank for rank in range(1, len(known) + 1)]
    return random.Random(SEED).choices(known, weights, k=requests)  # noqa: S311 - repeatable, not secret
