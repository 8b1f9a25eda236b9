"""IAM: roles and the policies in them."""

from aws_emulator.given import present
from aws_emulator.kinds import Kind, Made, New, Outputs, put


def _role(new: New) -> Outputs:
    new.given.take("name", None)
    role = new.aws.call(
        "iam",
        "CreateRole",
        **present(
            RoleName=new.name,
            AssumeRolePolicyDocument=new.given.take("assumeRolePolicy"),
            Description=new.given.take("description", None),
            Path=new.given.take("path", None),
            MaxSessionDuration=new.given.take("maxSessionDuration", None),
            PermissionsBoundary=new.given.take("permissionsBoundary", None),
            Tags=tag_list(new.given.take("tags", None)),
        ),
    )["Role"]
    return {"id": role["RoleName"], "name": role["RoleName"], "arn": role["Arn"]}


def _update_role(new: New, made: Made) -> Outputs:
    new.given.take("name", None)
    policy = new.given.take("assumeRolePolicy")
    new.aws.call("iam", "UpdateAssumeRolePolicy", RoleName=new.name, PolicyDocument=policy)
    description = present(Description=new.given.take("description", None))
    new.aws.call("iam", "UpdateRole", RoleName=new.name, **description)
    if tags := tag_list(new.given.take("tags", None)):
        new.aws.call("iam", "TagRole", RoleName=new.name, Tags=tags)
    return made.outputs


def _delete_role(made: Made) -> None:
    made.aws.call("iam", "DeleteRole", RoleName=made.outputs["name"])


def _role_policy(new: New) -> Outputs:
    role, name = new.given.take("role"), new.recorded["name"]
    new.given.take("name", None)
    document = new.given.take("policy")
    new.aws.call("iam", "PutRolePolicy", RoleName=role, PolicyName=name, PolicyDocument=document)
    return {"id": f"{role}:{name}", "name": name}


def _delete_role_policy(made: Made) -> None:
    name = made.outputs["name"]
    made.aws.call("iam", "DeleteRolePolicy", RoleName=made.inputs["role"], PolicyName=name)


def tag_list(tags: dict[str, str] | None) -> list[dict[str, str]] | None:
    """Tags as most APIs take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()] if tags else None


KINDS = {
    "aws:iam/role:Role": Kind(_role, _update_role, _delete_role, frozenset({"name", "path"})),
    "aws:iam/rolePolicy:RolePolicy": put(_role_policy, _delete_role_policy, "name", "role"),
}
