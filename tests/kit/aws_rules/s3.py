"""Buckets, what keeps them private, and who may read them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from recorded import Rule

from aws_rules.graph import Graph, many, matches

BUCKET = "s3/bucket:Bucket"
POLICY = "s3/bucketPolicy:BucketPolicy"
BLOCK = "s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
OWNERSHIP = "s3/bucketOwnershipControls:BucketOwnershipControls"
ENCRYPTION = "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
VERSIONING = "s3/bucketVersioning:BucketVersioning"
LIFECYCLE = "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
SETTINGS = (POLICY, BLOCK, OWNERSHIP, ENCRYPTION)


def every_bucket_has_its_settings_once(graph: Graph) -> Iterator[str]:
    """Policy, public access block, ownership, encryption: the second of two would overwrite the first. API S3 Put*."""
    for bucket in graph.of(BUCKET):
        for kind in SETTINGS:
            count = sum(one.inputs["bucket"] == bucket.id for one in graph.of(kind))
            if count != 1:
                yield f"{bucket.name} has {count} of {kind}"


def settings_are_in_the_region_of_their_bucket(graph: Graph) -> Iterator[str]:
    """A call for a bucket goes to its region, or is redirected. API S3 ``PermanentRedirect``."""
    regions = {one.id: one.inputs.get("region") for one in graph.of(BUCKET)}
    for kind in (*SETTINGS, VERSIONING, LIFECYCLE):
        for one in graph.of(kind):
            if one.inputs["bucket"] in regions and one.inputs.get("region") != regions[one.inputs["bucket"]]:
                yield one.name


def no_public_access(graph: Graph) -> Iterator[str]:
    """All four settings. S3/access-control-block-public-access."""
    for one in graph.of(BLOCK):
        flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        if not all(one.inputs.get(flag) is True for flag in flags):
            yield one.name


def no_acls(graph: Graph) -> Iterator[str]:
    """Origin access control wants the owner enforced. DG/private-content-restricting-access-to-s3."""
    for one in graph.of(OWNERSHIP):
        if one.inputs["rule"]["objectOwnership"] != "BucketOwnerEnforced":
            yield one.name


def an_identity_reads_no_kms(graph: Graph) -> Iterator[str]:
    """An Origin Access Identity cannot read what a KMS key encrypts. DG/private-content-restricting-access-to-s3."""
    domains = {origin["domainName"] for _, origin in graph.origins() if "s3OriginConfig" in origin}
    for one in graph.of(ENCRYPTION):
        by_default = [rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] for rule in one.inputs["rules"]]
        theirs = any(domain.startswith(f"{one.inputs['bucket']}.s3.") for domain in domains)
        if theirs and by_default != ["AES256"]:
            yield f"{one.name} encrypts with {', '.join(by_default)}"


def nobody_is_let_in_without_a_name(graph: Graph) -> Iterator[str]:
    """No Allow for ``*``. S3/access-control-block-public-access: the policy would be refused as public."""
    for one, statement in graph.statements(POLICY):
        if statement["Effect"] == "Allow" and "*" in _principals(statement):
            yield one.name


def readers_are_those_of_the_graph(graph: Graph) -> Iterator[str]:
    """An identity of the graph, or CloudFront for a distribution of the graph: a service principal without SourceArn
    lets every account's distributions in. DG/private-content-restricting-access-to-s3."""
    kind = "cloudfront/originAccessIdentity:OriginAccessIdentity"
    identities = {one.outputs["iamArn"] for one in graph.of(kind)}
    roles = {one.outputs["arn"] for one in graph.of("iam/role:Role")}
    distributions = {one.outputs["arn"] for one in graph.distributions}
    for one, statement in graph.statements(POLICY):
        if statement["Effect"] != "Allow":
            continue
        condition = {
            key.lower(): value for key, value in statement.get("Condition", {}).get("StringEquals", {}).items()
        }
        through = condition.get("aws:sourcearn") in distributions
        for principal in _principals(statement):
            if principal not in identities | roles and not (principal == "cloudfront.amazonaws.com" and through):
                yield f"{one.name} lets {principal} in"


def a_policy_speaks_of_its_own_bucket(graph: Graph) -> Iterator[str]:
    """``Policy has invalid resource``. S3/example-bucket-policies."""
    for one, statement in graph.statements(POLICY):
        arn = f"arn:aws:s3:::{one.inputs['bucket']}"
        for resource in many(statement["Resource"]):
            if resource != arn and not resource.startswith(f"{arn}/"):
                yield f"{one.name} speaks of {resource}"


def plain_http_is_refused(graph: Graph) -> Iterator[str]:
    """S3/security-best-practices: enforce encryption of data in transit."""
    wanted = {"Bool": {"aws:SecureTransport": "false"}}
    refused = {
        one.inputs["bucket"]
        for one, statement in graph.statements(POLICY)
        if statement["Effect"] == "Deny" and statement["Action"] == "s3:*" and statement.get("Condition") == wanted
    }
    yield from (one.name for one in graph.of(BUCKET) if one.id not in refused)


def a_policy_waits_for_the_public_access_block(graph: Graph) -> Iterator[str]:
    """Both change who may come in, and S3 refuses one of two at the same time: ``OperationAborted``."""
    blocks = {one.inputs["bucket"]: one.urn for one in graph.of(BLOCK)}
    for one in graph.of(POLICY):
        if blocks.get(one.inputs["bucket"]) not in one.options.depends_on:
            yield one.name


def what_is_served_may_be_read(graph: Graph) -> Iterator[str]:
    """What a behaviour asks of a bucket of the graph, its reader may get: else every answer is a 403.
    DG/private-content-restricting-access-to-s3."""
    buckets = {one.id for one in graph.of(BUCKET)}
    for distribution, path, behavior in graph.behaviors():
        for origin in _members(distribution.inputs, behavior["targetOriginId"]):
            bucket = origin["domainName"].partition(".s3.")[0]
            if bucket in buckets and not _may_read(graph, bucket, distribution.outputs["arn"], origin, path):
                yield f"{path} in {bucket}"


def _members(inputs: Mapping[str, Any], target: str) -> list[Mapping[str, Any]]:
    groups = {
        group["originId"]: [member["originId"] for member in group["members"]]
        for group in inputs.get("originGroups", [])
    }
    return [origin for origin in inputs["origins"] if origin["originId"] in groups.get(target, [target])]


def _may_read(graph: Graph, bucket: str, arn: str, origin: Mapping[str, Any], path: str) -> bool:
    identity = origin.get("s3OriginConfig", {}).get("originAccessIdentity", "").rpartition("/")[2]
    asked = f"arn:aws:s3:::{bucket}/{path.lstrip('/')}"
    for one, statement in graph.statements(POLICY):
        principals = _principals(statement)
        by_identity = identity and any(each.endswith(f" {identity}") for each in principals)
        by_control = "cloudfront.amazonaws.com" in principals and arn in str(statement.get("Condition"))
        resources = many(statement["Resource"])
        if (
            one.inputs["bucket"] == bucket
            and statement["Effect"] == "Allow"
            and "s3:GetObject" in many(statement["Action"])
            and (by_identity or by_control)
            and any(matches(resource, asked) for resource in resources)
        ):
            return True
    return False


def rules_of_a_lifecycle_are_complete(graph: Graph) -> Iterator[str]:
    """Ids of at most 255 characters, each once; a filter; one action or more; days above 0; 1000 rules.
    API_LifecycleRule."""
    actions = {"expiration": "days", "noncurrentVersionExpiration": "noncurrentDays"}
    actions |= {"abortIncompleteMultipartUpload": "daysAfterInitiation"}
    for one in graph.of(LIFECYCLE):
        rules = one.inputs["rules"]
        ids = Counter(rule["id"] for rule in rules)
        yield from (f"{one.name}: {id_}" for id_, count in ids.items() if count > 1 or not 0 < len(id_) <= 255)
        for rule in rules:
            days = [rule[action].get(name, 0) for action, name in actions.items() if action in rule]
            if "filter" not in rule or not days or any(count < 1 for count in days) or len(rules) > 1000:
                yield f"{one.name}: {rule['id']}"


def a_lifecycle_waits_for_the_versioning_it_speaks_of(graph: Graph) -> Iterator[str]:
    """Old versions are of a versioned bucket. API_NoncurrentVersionExpiration; the provider asks for ``depends_on``."""
    versioned = {
        one.inputs["bucket"]: one.urn
        for one in graph.of(VERSIONING)
        if one.inputs["versioningConfiguration"]["status"] == "Enabled"
    }
    for one in graph.of(LIFECYCLE):
        speaks = any("noncurrentVersionExpiration" in rule for rule in one.inputs["rules"])
        if speaks and versioned.get(one.inputs["bucket"]) not in one.options.depends_on:
            yield one.name


def _principals(statement: Mapping[str, Any]) -> list[str]:
    principal = statement["Principal"]
    return [principal] if isinstance(principal, str) else [one for found in principal.values() for one in many(found)]


RULES: tuple[Rule, ...] = (
    every_bucket_has_its_settings_once,
    settings_are_in_the_region_of_their_bucket,
    no_public_access,
    no_acls,
    an_identity_reads_no_kms,
    nobody_is_let_in_without_a_name,
    readers_are_those_of_the_graph,
    a_policy_speaks_of_its_own_bucket,
    plain_http_is_refused,
    a_policy_waits_for_the_public_access_block,
    what_is_served_may_be_read,
    rules_of_a_lifecycle_are_complete,
    a_lifecycle_waits_for_the_versioning_it_speaks_of,
)
