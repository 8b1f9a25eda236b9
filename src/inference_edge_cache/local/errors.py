"""What keeps a local edge from starting."""

from collections.abc import Sequence

from inference_edge_cache.errors import EdgeCacheError, Problem


class LocalEdgeError(EdgeCacheError):
    """The local edge cannot start: a policy the cloud refuses, an origin that is no URL, a port that is taken.

    ``problems`` holds what is wrong with the policy, each as a ``Problem``.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__(message)
