"""The rules of Media CDN, Cloud Storage, Cloud Run functions, Secret Manager, IAM and Monitoring, over a graph.

No emulator enforces them, and the provider checks few: what breaks one is refused by an API, minutes into a deployment,
or deployed and wrong. A rule is a function from the graph to what is wrong with it; its docstring gives its source. API
is the reference of the service's REST API, MM the provider's own field definitions, DOCS is docs.cloud.google.com.
"""

from collections.abc import Sequence

from recorded import Rule

from gcp_rules import apis, caching, fields, functions, iam, monitoring, origins, routes, secrets, services, storage
from gcp_rules.graph import Graph
from inference_edge_cache.testing import Recording

RULES: Sequence[Rule] = (
    *fields.RULES,
    *services.RULES,
    *routes.RULES,
    *caching.RULES,
    *origins.RULES,
    *storage.RULES,
    *functions.RULES,
    *iam.RULES,
    *secrets.RULES,
    *monitoring.RULES,
    *apis.RULES,
)


def findings(recording: Recording) -> list[str]:
    """What is wrong with a recorded graph: the rule's name, then what breaks it.

    Fields come first, and alone when one is wrong: the other rules take names and types for granted.
    """
    graph = Graph(recording)
    wrong = [f"{rule.__name__}: {text}" for rule in fields.RULES for text in rule(graph)]
    others = RULES[len(fields.RULES) :]
    return wrong or [f"{rule.__name__}: {text}" for rule in others for text in rule(graph)]
