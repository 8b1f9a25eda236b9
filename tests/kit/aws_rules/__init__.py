"""The rules of CloudFront, S3, Lambda and IAM that an emulator does not enforce, over a recorded graph.

A rule is a function from the graph to what is wrong with it; its docstring gives its source. DG is the CloudFront
developer guide, API the API reference of the service.
"""

from collections.abc import Sequence

from recorded import Rule

from aws_rules import cloudfront, iam, lambdas, policies, s3
from aws_rules.graph import Graph
from inference_edge_cache.testing import Recording

RULES: Sequence[Rule] = (*cloudfront.RULES, *policies.RULES, *s3.RULES, *iam.RULES, *lambdas.RULES)


def findings(recording: Recording) -> list[str]:
    """What is wrong with a recorded graph: the rule's name, then what breaks it."""
    graph = Graph(recording)
    return [f"{rule.__name__}: {text}" for rule in RULES for text in rule(graph)]
