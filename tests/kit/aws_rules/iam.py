"""Policy documents, roles, and secrets."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from recorded import Rule, secrets_are_not_in_plain_text

from aws_rules.graph import Graph, many, matches

ROLE_POLICY = "iam/rolePolicy:RolePolicy"
STATEMENT_KEYS = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
WILDCARDS: Mapping[str, str] = {
    "cloudwatch:PutMetricData": "the action has no resources: IAM/list_amazoncloudwatch",
}
"""Actions that a role may be allowed on every resource, and why there is no narrower way."""

ANYWHERE: Mapping[str, tuple[str, str, str]] = {
    "bedrock:InvokeModel": (
        "arn:*:bedrock:*::foundation-model/*",
        "bedrock:InferenceProfileArn",
        "an inference profile asks its model in regions of its own choice: BEDROCK/inference-profiles-prereq",
    ),
}
"""Actions that a role may be allowed beyond a region: on what, by way of what that the statement has to name, why."""


def documents_are_policies(graph: Graph) -> Iterator[str]:
    """The current version; statements of an effect, an action, and known keys. IAM/reference_policies_elements."""
    for one, document in graph.documents():
        if document.get("Version") != "2012-10-17" or not document.get("Statement"):
            yield one.name
        for statement in document.get("Statement", []):
            complete = statement.get("Effect") in ("Allow", "Deny") and {"Action", "NotAction"} & statement.keys()
            if not complete or not statement.keys() <= STATEMENT_KEYS:
                yield f"{one.name}: {statement.get('Sid')}"


def sids_are_letters_and_digits(graph: Graph) -> Iterator[str]:
    """Each once in its document. IAM/reference_policies_elements_sid."""
    for one, document in graph.documents():
        sids = [statement["Sid"] for statement in document["Statement"] if "Sid" in statement]
        if len(sids) != len(set(sids)) or not all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids):
            yield one.name


def roles_are_assumed_by_lambda_alone(graph: Graph) -> Iterator[str]:
    """LAMBDA/lambda-intro-execution-role."""
    for one, statement in graph.statements("iam/role:Role"):
        if statement.get("Principal") != {"Service": "lambda.amazonaws.com"} or statement["Action"] != "sts:AssumeRole":
            yield one.name


def roles_name_their_actions(graph: Graph) -> Iterator[str]:
    """No ``*`` in an action, no NotAction. IAM/best-practices: least privilege."""
    for one, statement in graph.statements(ROLE_POLICY):
        if "NotAction" in statement or any("*" in action for action in many(statement.get("Action", []))):
            yield f"{one.name}: {statement.get('Sid')}"


def roles_name_their_resources(graph: Graph) -> Iterator[str]:
    """An Allow is for named resources, but for the actions of ``WILDCARDS`` and ``ANYWHERE``. A ``*`` may end the name
    of an object or a log stream, never stand for a service, a region, an account or a whole kind. IAM/best-practices.
    """
    for one, statement in graph.statements(ROLE_POLICY):
        if statement["Effect"] != "Allow" or set(many(statement.get("Action", []))) <= WILDCARDS.keys():
            continue
        for resource in many(statement.get("Resource", "*")):
            if _only_by_way(statement, resource):
                continue
            parts = resource.split(":", 5)
            kind = re.split("[:/]", parts[-1])
            if (
                len(parts) < 6
                or "*" in "".join(parts[:5])
                or "*" in kind[0]
                or (len(kind) > 1 and kind[1] == "*" and parts[2] != "s3")
            ):
                yield f"{one.name}: {resource}"


def _only_by_way(statement: Mapping[str, Any], resource: str) -> bool:
    """Whether ``ANYWHERE`` allows the resource: one action, and a condition that names what it is asked through."""
    actions = many(statement.get("Action", []))
    if len(actions) != 1 or actions[0] not in ANYWHERE:
        return False
    pattern, key, _ = ANYWHERE[actions[0]]
    through = many(statement.get("Condition", {}).get("ArnEquals", {}).get(key, "*"))
    return matches(pattern, resource) and not any("*" in arn for arn in through)


def names_in_iam_are_allowed(graph: Graph) -> Iterator[str]:
    """64 characters of a role, 128 of a policy in it. API_CreateRole, API_PutRolePolicy."""
    for kind, most in {"iam/role:Role": 64, ROLE_POLICY: 128}.items():
        for one in graph.of(kind):
            if not re.fullmatch(rf"[\w+=,.@-]{{1,{most}}}", one.outputs["name"]):
                yield one.outputs["name"]


def policies_of_a_role_are_of_one_that_is_there(graph: Graph) -> Iterator[str]:
    """``NoSuchEntity``. API_PutRolePolicy."""
    made = {one.id for one in graph.of("iam/role:Role")}
    yield from (one.name for one in graph.of(ROLE_POLICY) if one.inputs["role"] not in made)


RULES: tuple[Rule, ...] = (
    documents_are_policies,
    sids_are_letters_and_digits,
    roles_are_assumed_by_lambda_alone,
    roles_name_their_actions,
    roles_name_their_resources,
    names_in_iam_are_allowed,
    policies_of_a_role_are_of_one_that_is_there,
    secrets_are_not_in_plain_text,
)
