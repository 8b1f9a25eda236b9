"""Secrets Manager."""

import base64

from aws_emulator.given import present
from aws_emulator.iam import tag_list
from aws_emulator.kinds import Kind, Made, New, Outputs, put


def _secret(new: New) -> Outputs:
    for name in ("name", "region", "recoveryWindowInDays"):  # the last one is for the deletion
        new.given.take(name, None)
    made = new.aws.call(
        "secretsmanager",
        "CreateSecret",
        region=new.region,
        **present(
            Name=new.recorded["name"],
            Description=new.given.take("description", None),
            KmsKeyId=new.given.take("kmsKeyId", None),
            Tags=tag_list(new.given.take("tags", None)),
        ),
    )
    return {"id": made["ARN"], "arn": made["ARN"], "name": made["Name"]}


def _update_secret(new: New, made: Made) -> Outputs:
    for name in ("name", "region", "recoveryWindowInDays"):
        new.given.take(name, None)
    changed = present(Description=new.given.take("description", None), KmsKeyId=new.given.take("kmsKeyId", None))
    new.aws.call("secretsmanager", "UpdateSecret", region=new.region, SecretId=made.outputs["arn"], **changed)
    if tags := tag_list(new.given.take("tags", None)):
        new.aws.call("secretsmanager", "TagResource", region=new.region, SecretId=made.outputs["arn"], Tags=tags)
    return made.outputs


def _delete_secret(made: Made) -> None:
    """The provider's default is a window of 30 days, in which the secret can be restored."""
    days = made.inputs.get("recoveryWindowInDays", 30)
    how = {"ForceDeleteWithoutRecovery": True} if days == 0 else {"RecoveryWindowInDays": days}
    made.aws.call("secretsmanager", "DeleteSecret", region=made.region, SecretId=made.outputs["arn"], **how)


def _secret_version(new: New) -> Outputs:
    new.given.take("region", None)
    encoded = new.given.take("secretBinary", None)
    made = new.aws.call(
        "secretsmanager",
        "PutSecretValue",
        region=new.region,
        **present(
            SecretId=new.given.take("secretId"),
            SecretString=new.given.take("secretString", None),
            SecretBinary=None if encoded is None else base64.b64decode(encoded),
            VersionStages=new.given.take("versionStages", None),
        ),
    )
    return {"id": f"{made['ARN']}|{made['VersionId']}", "arn": made["ARN"], "versionId": made["VersionId"]}


def _delete_secret_version(made: Made) -> None:
    """Goes with its secret: the current version of a secret cannot be taken away."""


KINDS = {
    "aws:secretsmanager/secret:Secret": Kind(_secret, _update_secret, _delete_secret, frozenset({"name", "region"})),
    "aws:secretsmanager/secretVersion:SecretVersion": put(_secret_version, _delete_secret_version, "secretId"),
}
