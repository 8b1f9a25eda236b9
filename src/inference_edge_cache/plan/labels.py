"""Tags as GCP labels: lower case letters, digits, ``-`` and ``_``, at most 63 characters (requirements for labels)."""

import re

LONGEST_LABEL = 63


def label_key(key: str) -> str:
    """``key`` as a GCP label key, which also starts with a letter."""
    text = label_value(key)
    return text if text[:1].isalpha() else f"tag-{text}"[:LONGEST_LABEL]


def label_value(value: str) -> str:
    """``value`` as a GCP label value."""
    return re.sub(r"[^a-z0-9_-]", "-", value.lower())[:LONGEST_LABEL]
