"""Ids of what Pulumi cannot name: short and in lower case, and never those of another stack in the same project."""

import hashlib

LONGEST = 30  # cloud.google.com/iam/docs/service-accounts-create: 6 to 30 characters
_DIGEST = 8


def short_name(component: str, project: str, stack: str) -> str:
    """An id for ``component`` in this Pulumi project and stack: as much of its name as there is room for, and a digest.

    Of a-z, 0-9 and hyphens, starting with a letter: a service account, a function and its Cloud Run service take it.
    """
    digest = hashlib.sha256(f"{project}/{stack}/{component}".encode()).hexdigest()[:_DIGEST]
    return f"{component.lower()[: LONGEST - _DIGEST - 1].rstrip('-')}-{digest}"
