"""checkov finds nothing in what the component makes on AWS, but what ``exceptions.toml`` names with a reason."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aws_audit import AUDITED, HARDENED, Audit, Finding, child_of, exempt, exemptions, run_checkov
from aws_terraform import TYPES

from inference_edge_cache.testing import Resource

GATEWAY, BUCKET, NAMED = "a gateway with a secret", "bucket through OAI", "names, pages, countries, logs"
GUARDED, PROFILE = "a gateway that IAM guards", "an inference profile"
GONE = object()
UNKNOWN_TO_CHECKOV = {
    "aws:cloudfront/cachePolicy:CachePolicy",
    "aws:cloudfront/function:Function",
    "aws:cloudfront/monitoringSubscription:MonitoringSubscription",
    "aws:cloudfront/originAccessControl:OriginAccessControl",
    "aws:cloudfront/originAccessIdentity:OriginAccessIdentity",
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy",
    "aws:cloudwatch/dashboard:Dashboard",
    "aws:cloudwatch/logDelivery:LogDelivery",
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination",
    "aws:cloudwatch/logDeliverySource:LogDeliverySource",
    "aws:s3/bucketObjectv2:BucketObjectv2",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:secretsmanager/secretVersion:SecretVersion",
}
"""Kinds that no check is about: some it knows by way of their bucket alone."""


@dataclass(frozen=True)
class Mutant:
    """A graph with one mistake in it, and the check that has to find it."""

    check: str
    graph: str
    child: str
    change: Callable[[Resource], Resource | None]
    found_in: str = ""

    def of(self, resources: list[Resource]) -> list[Resource]:
        changed = [self.change(one) if child_of(one.name) == self.child else one for one in resources]
        return [one for one in changed if one is not None]


def put(path: str, value: Any) -> Callable[[Resource], Resource]:
    """A resource with ``value`` at ``path`` of its inputs, or without what is there."""

    def change(one: Resource) -> Resource:
        inputs = copy.deepcopy(dict(one.inputs))
        *steps, last = path.split(".")
        place: Any = inputs
        for step in steps:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if value is GONE:
            del place[last]
        else:
            place[last] = value
        return replace(one, inputs=inputs)

    return change


def gone(one: Resource) -> None:
    return None


def policy(action: str, resource: str) -> Callable[[Resource], Resource]:
    statement = f'{{"Effect": "Allow", "Action": "{action}", "Resource": "{resource}"}}'
    return put("policy", f'{{"Version": "2012-10-17", "Statement": [{statement}]}}')


def any_resource(one: Resource) -> Resource:
    """What may be put into the results bucket, may be put anywhere; the other statements stay."""
    document = json.loads(one.inputs["policy"])
    next(found for found in document["Statement"] if found["Sid"] == "Results")["Resource"] = "*"
    return put("policy", json.dumps(document))(one)


MUTANTS = [
    Mutant("CKV_AWS_34", BUCKET, "distribution", put("defaultCacheBehavior.viewerProtocolPolicy", "allow-all")),
    Mutant("CKV_AWS_174", NAMED, "distribution", put("viewerCertificate.minimumProtocolVersion", "TLSv1")),
    Mutant("CKV2_AWS_32", "minimal", "distribution", put("defaultCacheBehavior.responseHeadersPolicyId", GONE)),
    Mutant("CKV_AWS_53", BUCKET, "bucket_public_access_block", put("blockPublicAcls", False)),
    Mutant("CKV_AWS_56", GATEWAY, "results_public_access_block", put("restrictPublicBuckets", False)),
    Mutant("CKV2_AWS_6", GATEWAY, "results_public_access_block", gone, "results"),
    Mutant("CKV2_AWS_65", BUCKET, "bucket_ownership", put("rule.objectOwnership", "ObjectWriter")),
    Mutant("CKV_AWS_21", BUCKET, "bucket_versioning", gone, "bucket"),
    Mutant("CKV_AWS_145", HARDENED, "results_encryption", gone, "results"),
    Mutant("CKV_AWS_300", GATEWAY, "results_lifecycle", put("rules.2.abortIncompleteMultipartUpload", GONE)),
    Mutant("CKV_AWS_63", GATEWAY, "gateway_role_policy", policy("*", "*")),
    Mutant("CKV_AWS_356", GATEWAY, "gateway_role_policy", policy("s3:PutObject", "*")),
    Mutant("CKV_AWS_109", GATEWAY, "gateway_role_policy", policy("iam:PassRole", "*")),
    Mutant("CKV_AWS_356", PROFILE, "gateway_role_policy", any_resource),
    Mutant("CKV_AWS_45", GATEWAY, "gateway", put("environment.variables.KEY", "AKIAIOSFODNN7EXAMPLE")),
    Mutant("CKV_AWS_363", GATEWAY, "gateway", put("runtime", "python3.7")),
    Mutant("CKV_AWS_115", GATEWAY, "gateway", put("reservedConcurrentExecutions", GONE)),
    Mutant("CKV_AWS_66", GATEWAY, "gateway_logs", put("retentionInDays", GONE)),
    Mutant("CKV_AWS_258", GUARDED, "gateway_url", put("authorizationType", "NONE")),
    Mutant("CKV_AWS_364", GUARDED, "gateway_invoke_permission", put("sourceArn", GONE)),
]


@pytest.fixture(scope="module")
def audit(tools, graphs, tmp_path_factory) -> Audit:
    """One run for all, mutants too."""
    mutants = {str(number): mutant.of(graphs[mutant.graph]) for number, mutant in enumerate(MUTANTS)}
    return run_checkov({**graphs, **mutants}, tmp_path_factory.mktemp("checkov"))


@pytest.mark.parametrize("name", AUDITED)
def test_nothing_is_found_but_what_has_an_exception(audit, name):
    assert sorted(audit.findings[name] - dict(exempt()).keys()) == []


@pytest.mark.parametrize("finding", dict(exempt()), ids=lambda one: f"{one.check}-{one.child}")
def test_an_exception_is_needed(audit, finding):
    assert any(finding in audit.findings[name] for name in AUDITED), "it is found no more: take it out"


def test_what_is_said_to_turn_it_on_turns_it_on(audit):
    left = {finding for finding, exemption in exempt() if not exemption.turned_on_by}
    assert audit.findings[HARDENED] == left


@pytest.mark.parametrize("number", range(len(MUTANTS)), ids=[f"{mutant.check}-{mutant.child}" for mutant in MUTANTS])
def test_a_mistake_is_found(audit, number):
    mutant = MUTANTS[number]
    finding = Finding(mutant.check, mutant.found_in or mutant.child)
    assert finding in audit.findings[str(number)]
    assert finding not in audit.findings[mutant.graph]


def test_checkov_looks_at_every_kind_of_resource_that_it_knows(audit, graphs):
    made = {one.type for resources in graphs.values() for one in resources}
    assert made - audit.looked_at <= UNKNOWN_TO_CHECKOV
    assert made <= TYPES.keys()


def test_each_exception_is_there_once():
    findings = [finding for finding, _ in exempt()]
    assert len(findings) == len(set(findings))


@pytest.mark.parametrize("exemption", exemptions(), ids=lambda one: one.check)
def test_an_exception_has_a_reason(exemption):
    assert exemption.why.endswith(".")
    assert exemption.wanted
