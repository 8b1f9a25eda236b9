"""Lambda: functions, their URLs, and who may call them."""

from typing import Any

from aws_emulator.archives import archive_bytes
from aws_emulator.given import Given, present
from aws_emulator.kinds import Kind, Made, New, Outputs, unchangeable


def _configuration(given: Given) -> dict[str, Any]:
    logging = given.one("loggingConfig") if given.has("loggingConfig") else None
    environment = given.one("environment") if given.has("environment") else None
    return present(
        Role=given.take("role"),
        Handler=given.take("handler", None),
        Runtime=given.take("runtime", None),
        Description=given.take("description", None),
        MemorySize=given.take("memorySize", None),
        Timeout=given.take("timeout", None),
        Environment=environment and {"Variables": environment.take("variables", {})},
        LoggingConfig=logging
        and present(
            LogFormat=logging.take("logFormat"),
            LogGroup=logging.take("logGroup", None),
            ApplicationLogLevel=logging.take("applicationLogLevel", None),
            SystemLogLevel=logging.take("systemLogLevel", None),
        ),
    )


def _function(new: New) -> Outputs:
    given = new.given
    for name in ("name", "region"):
        given.take(name, None)
    made = new.aws.call(
        "lambda",
        "CreateFunction",
        region=new.region,
        FunctionName=new.name,
        Code={"ZipFile": archive_bytes(given.take("code"))},
        **_configuration(given),
        **present(
            Architectures=given.take("architectures", None),
            PackageType=given.take("packageType", None),
            Publish=given.take("publish", None),
            Tags=given.take("tags", None),
        ),
    )
    _wait_for(new, "function_active_v2")
    _reserve(new)
    return {"id": new.name, "name": new.name, "arn": made["FunctionArn"]}


def _update_function(new: New, made: Made) -> Outputs:
    given = new.given
    for name in ("name", "region", "packageType", "publish"):
        given.take(name, None)
    packed, architectures = archive_bytes(given.take("code")), given.take("architectures", None)
    if packed != archive_bytes(made.inputs["code"]) or architectures != made.inputs.get("architectures"):
        code = present(ZipFile=packed, Architectures=architectures)
        new.aws.call("lambda", "UpdateFunctionCode", region=new.region, FunctionName=new.name, **code)
        _wait_for(new, "function_updated_v2")
    changed = _configuration(given)
    if changed != _configuration(Given(made.inputs)):
        new.aws.call("lambda", "UpdateFunctionConfiguration", region=new.region, FunctionName=new.name, **changed)
        _wait_for(new, "function_updated_v2")
    if tags := given.take("tags", None):
        new.aws.call("lambda", "TagResource", region=new.region, Resource=made.outputs["arn"], Tags=tags)
    _reserve(new)
    return made.outputs


def _wait_for(new: New, state: str) -> None:
    """As the provider does: a function is made, and changed, in the background."""
    waiter = new.aws.client("lambda", new.region).get_waiter(state)
    waiter.wait(FunctionName=new.name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})


def _reserve(new: New) -> None:
    """-1, the provider's default, reserves nothing."""
    reserved = new.given.take("reservedConcurrentExecutions", -1)
    if reserved >= 0:
        how = {"FunctionName": new.name, "ReservedConcurrentExecutions": reserved}
        new.aws.call("lambda", "PutFunctionConcurrency", region=new.region, **how)


def _delete_function(made: Made) -> None:
    made.aws.call("lambda", "DeleteFunction", region=made.region, FunctionName=made.outputs["name"])


def _url_parameters(new: New) -> dict[str, Any]:
    given = new.given
    given.take("region", None)
    return present(
        FunctionName=given.take("functionName"),
        Qualifier=given.take("qualifier", None),
        AuthType=given.take("authorizationType"),
        InvokeMode=given.take("invokeMode", None),
    )


def _url_outputs(new: New, made: Any) -> Outputs:
    url = made["FunctionUrl"]
    return {"id": new.recorded["id"], "functionArn": made["FunctionArn"], "functionUrl": url, "urlId": _url_id(url)}


def _url_id(url: str) -> str:
    return url.removeprefix("https://").partition(".")[0]


def _url(new: New) -> Outputs:
    params = _url_parameters(new)
    return _url_outputs(new, new.aws.call("lambda", "CreateFunctionUrlConfig", region=new.region, **params))


def _update_url(new: New, made: Made) -> Outputs:
    params = _url_parameters(new)
    return _url_outputs(new, new.aws.call("lambda", "UpdateFunctionUrlConfig", region=new.region, **params))


def _delete_url(made: Made) -> None:
    where = present(FunctionName=made.inputs["functionName"], Qualifier=made.inputs.get("qualifier"))
    made.aws.call("lambda", "DeleteFunctionUrlConfig", region=made.region, **where)


def _permission(new: New) -> Outputs:
    given, statement = new.given, new.recorded["statementId"]
    for name in ("statementId", "region"):
        given.take(name, None)
    new.aws.call(
        "lambda",
        "AddPermission",
        region=new.region,
        **present(
            FunctionName=given.take("function"),
            StatementId=statement,
            Action=given.take("action"),
            Principal=given.take("principal"),
            SourceArn=given.take("sourceArn", None),
            SourceAccount=given.take("sourceAccount", None),
            Qualifier=given.take("qualifier", None),
            FunctionUrlAuthType=given.take("functionUrlAuthType", None),
            InvokedViaFunctionUrl=given.take("invokedViaFunctionUrl", None),
        ),
    )
    return {"id": statement, "statementId": statement}


def _delete_permission(made: Made) -> None:
    where = {"FunctionName": made.inputs["function"], "StatementId": made.outputs["statementId"]}
    made.aws.call("lambda", "RemovePermission", region=made.region, **where)


KINDS = {
    "aws:lambda/function:Function": Kind(
        _function, _update_function, _delete_function, frozenset({"name", "region", "packageType"})
    ),
    "aws:lambda/functionUrl:FunctionUrl": Kind(
        _url, _update_url, _delete_url, frozenset({"functionName", "qualifier", "region"})
    ),
    "aws:lambda/permission:Permission": Kind(_permission, unchangeable, _delete_permission),
}
