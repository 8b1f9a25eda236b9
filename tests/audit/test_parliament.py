"""parliament finds nothing in the policies of roles and buckets."""

import json

import pytest
from aws_audit import AUDITED, is_known_of_parliament, policies, run_parliament

ROLE_POLICY, BUCKET_POLICY = "cache-gateway-role-policy", "cache-results-policy"
MUTANTS = {
    "UNKNOWN_ACTION": {"Effect": "Allow", "Action": "s3:GetObjects", "Resource": "arn:aws:s3:::b/*"},
    "UNKNOWN_PREFIX": {"Effect": "Allow", "Action": "sage:Invoke", "Resource": "*"},
    "RESOURCE_STAR": {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"},
    "RESOURCE_MISMATCH": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket"},
    "INVALID_SID": {"Sid": "a b", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"},
    "UNKNOWN_CONDITION_FOR_ACTION": {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::b/*",
        "Condition": {"StringEquals": {"s3:prefix": "a"}},
    },
    "MISMATCHED_TYPE_BUT_USABLE": {
        "Effect": "Allow",
        "Action": "bedrock:InvokeModel",
        "Resource": "arn:aws:bedrock:*::foundation-model/m",
        "Condition": {
            "StringEquals": {"bedrock:InferenceProfileArn": "arn:aws:bedrock:eu-west-1:1:inference-profile/p"}
        },
    },
}
"""A statement with one mistake in it, by what parliament calls it."""


@pytest.fixture(scope="module")
def findings(tools, graphs, tmp_path_factory):
    """One run for all, mutants too: by graph and resource."""
    found = {(graph, name): text for graph, made in graphs.items() for name, text in policies(made).items()}
    for issue, statement in MUTANTS.items():
        found[issue, ""] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    reports = run_parliament({json.dumps(key): text for key, text in found.items()}, tmp_path_factory.mktemp("p"))
    return {tuple(json.loads(key)): report for key, report in reports.items()}


@pytest.mark.parametrize("name", AUDITED)
def test_nothing_is_found_in_a_policy(findings, name):
    reports = [one for (graph, _), report in findings.items() if graph == name for one in report]
    assert [one for one in reports if not is_known_of_parliament(one)] == []


def test_policies_of_roles_and_of_buckets_are_looked_at(findings):
    assert {
        (graph, name)
        for graph in ("a gateway with a secret", "an inference profile")
        for name in (ROLE_POLICY, BUCKET_POLICY)
    } <= findings.keys()


def test_the_exception_is_needed(findings):
    assert any(is_known_of_parliament(one) for one in findings["an inference profile", ROLE_POLICY])


@pytest.mark.parametrize("issue", MUTANTS)
def test_a_mistake_is_found(findings, issue):
    assert issue in {one["issue"] for one in findings[issue, ""] if not is_known_of_parliament(one)}
