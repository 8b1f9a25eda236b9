"""The one error a Pulumi program raises, apart from the rest of the tree because it needs pulumi."""

from collections.abc import Sequence

import pulumi

from inference_edge_cache.errors import EdgeCacheError, Problem, told


class InvalidArgsError(EdgeCacheError, pulumi.RunError):
    """Every problem of a component's arguments, at once.

    ``problems`` is a tuple of ``Problem``. Being a ``pulumi.RunError`` it is printed
    by the Pulumi engine as its message alone, without a traceback.
    """

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        self.name = name
        self.problems = tuple(problems)
        super().__init__(told(f'InferenceEdgeCache "{name}"', self.problems))
