"""S3: buckets, what surrounds them, and objects."""

import base64
from typing import Any

from aws_emulator.archives import asset_bytes
from aws_emulator.given import Given, present
from aws_emulator.kinds import Kind, Made, New, Outputs, put
from aws_emulator.process import REGION


def _bucket(new: New) -> Outputs:
    name, region = new.name, new.region
    new.given.take("bucket", None)
    new.given.take("region", None)
    new.given.take("forceDestroy", False)  # what a deletion does, not what S3 is told
    # S3 takes no location for its oldest region: API_CreateBucket.
    place = None if region == REGION else {"LocationConstraint": region}
    new.aws.call("s3", "CreateBucket", region=region, **present(Bucket=name, CreateBucketConfiguration=place))
    _tag_bucket(new)
    return {
        "id": name,
        "bucket": name,
        "arn": f"arn:aws:s3:::{name}",
        "bucketRegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
    }


def _update_bucket(new: New, made: Made) -> Outputs:
    for name in ("bucket", "region", "forceDestroy"):
        new.given.take(name, None)
    _tag_bucket(new)
    return made.outputs


def _tag_bucket(new: New) -> None:
    if tags := new.given.take("tags", None):
        tagging = {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}
        new.aws.call("s3", "PutBucketTagging", region=new.region, Bucket=new.name, Tagging=tagging)


def _delete_bucket(made: Made) -> None:
    """As the provider does: objects are deleted only if ``force_destroy`` says so; else S3 refuses."""
    name, client = made.outputs["id"], made.aws.client("s3", made.region)
    if made.inputs.get("forceDestroy"):
        found = client.list_object_versions(Bucket=name)
        for version in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
            client.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])
    made.aws.call("s3", "DeleteBucket", region=made.region, Bucket=name)


def _of_bucket(operation: str, parameter: str, translate: Any, delete: str | None) -> Kind:
    """A setting of a bucket: one call puts it, and at most one takes it away."""

    def create(new: New) -> Outputs:
        bucket = new.given.take("bucket")
        new.given.take("region", None)
        new.aws.call("s3", operation, region=new.region, Bucket=bucket, **{parameter: translate(new.given)})
        return {"id": bucket}

    def take_away(made: Made) -> None:
        if delete is not None:
            made.aws.call("s3", delete, region=made.region, Bucket=made.outputs["id"])

    return put(create, take_away, "bucket", "region")


def _public_access_block(given: Given) -> dict[str, Any]:
    return {
        "BlockPublicAcls": given.take("blockPublicAcls", False),
        "BlockPublicPolicy": given.take("blockPublicPolicy", False),
        "IgnorePublicAcls": given.take("ignorePublicAcls", False),
        "RestrictPublicBuckets": given.take("restrictPublicBuckets", False),
    }


def _ownership(given: Given) -> dict[str, Any]:
    return {"Rules": [{"ObjectOwnership": given.one("rule").take("objectOwnership")}]}


def _encryption(given: Given) -> dict[str, Any]:
    def rule(one: Given) -> dict[str, Any]:
        default = one.one("applyServerSideEncryptionByDefault")
        return present(
            ApplyServerSideEncryptionByDefault=present(
                SSEAlgorithm=default.take("sseAlgorithm"), KMSMasterKeyID=default.take("kmsMasterKeyId", None)
            ),
            BucketKeyEnabled=one.take("bucketKeyEnabled", None),
        )

    return {"Rules": [rule(one) for one in given.many("rules")]}


def _versioning(given: Given) -> dict[str, Any]:
    return {"Status": given.one("versioningConfiguration").take("status")}


def _lifecycle(given: Given) -> dict[str, Any]:
    def rule(one: Given) -> dict[str, Any]:
        abort, expiration, old = (
            one.one(name) if one.has(name) else None
            for name in ("abortIncompleteMultipartUpload", "expiration", "noncurrentVersionExpiration")
        )
        return present(
            ID=one.take("id"),
            Status=one.take("status"),
            Filter={"Prefix": one.one("filter").take("prefix", "")},
            AbortIncompleteMultipartUpload=abort and {"DaysAfterInitiation": abort.take("daysAfterInitiation")},
            Expiration=expiration and {"Days": expiration.take("days")},
            NoncurrentVersionExpiration=old and {"NoncurrentDays": old.take("noncurrentDays")},
        )

    return {"Rules": [rule(one) for one in given.many("rules")]}


def _object(new: New) -> Outputs:
    given, encoded = new.given, new.given.take("contentBase64", None)
    text, source = given.take("content", None), given.take("source", None)
    body = base64.b64decode(encoded) if encoded is not None else text.encode() if text is not None else None
    bucket, key = given.take("bucket"), given.take("key", new.name)
    given.take("region", None)
    given.take("forceDestroy", None)
    params = present(
        Bucket=bucket,
        Key=key,
        Body=asset_bytes(source) if body is None else body,
        ContentType=given.take("contentType", None),
        CacheControl=given.take("cacheControl", None),
        ServerSideEncryption=given.take("serverSideEncryption", None),
        Metadata=given.take("metadata", None),
    )
    new.aws.call("s3", "PutObject", region=new.region, **params)
    return {"id": key, "key": key, "arn": f"arn:aws:s3:::{bucket}/{key}"}


def _delete_object(made: Made) -> None:
    """Every version of it, as the provider does."""
    bucket, key = made.inputs["bucket"], made.outputs["key"]
    client = made.aws.client("s3", made.region)
    found = client.list_object_versions(Bucket=bucket, Prefix=key)
    for version in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
        if version["Key"] == key:
            client.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])


_OBJECT = put(_object, _delete_object, "bucket", "key", "region")

KINDS = {
    "aws:s3/bucket:Bucket": Kind(_bucket, _update_bucket, _delete_bucket, frozenset({"bucket", "region"})),
    "aws:s3/bucketObject:BucketObject": _OBJECT,
    "aws:s3/bucketObjectv2:BucketObjectv2": _OBJECT,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _of_bucket(
        "PutPublicAccessBlock", "PublicAccessBlockConfiguration", _public_access_block, "DeletePublicAccessBlock"
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _of_bucket(
        "PutBucketOwnershipControls", "OwnershipControls", _ownership, "DeleteBucketOwnershipControls"
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _of_bucket(
        "PutBucketEncryption", "ServerSideEncryptionConfiguration", _encryption, "DeleteBucketEncryption"
    ),
    # Nothing takes versioning away: the provider suspends it, which matters only to a bucket that stays.
    "aws:s3/bucketVersioning:BucketVersioning": _of_bucket(
        "PutBucketVersioning", "VersioningConfiguration", _versioning, None
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _of_bucket(
        "PutBucketLifecycleConfiguration", "LifecycleConfiguration", _lifecycle, "DeleteBucketLifecycle"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _of_bucket(
        "PutBucketPolicy", "Policy", lambda given: given.take("policy"), "DeleteBucketPolicy"
    ),
}
