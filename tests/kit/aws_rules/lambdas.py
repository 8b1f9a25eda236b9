"""Functions, their URLs, who may call them, and where they log."""

import re
from collections.abc import Iterator

from recorded import Rule

from aws_rules.graph import Graph

FUNCTION = "lambda/function:Function"
URL = "lambda/functionUrl:FunctionUrl"
PERMISSION = "lambda/permission:Permission"
GROUP = "cloudwatch/logGroup:LogGroup"
RETENTIONS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)


def functions_are_within_limits(graph: Graph) -> Iterator[str]:
    """128 to 10240 MB, 1 to 900 s, 4 KB of environment, a name of 64 characters. LAMBDA/gettingstarted-limits."""
    for one in graph.of(FUNCTION):
        inputs = one.inputs
        variables = inputs.get("environment", {}).get("variables", {})
        size = sum(len(name) + len(value) for name, value in variables.items())
        fits = 128 <= inputs.get("memorySize", 128) <= 10_240 and 1 <= inputs.get("timeout", 3) <= 900 and size <= 4096
        if not fits or not re.fullmatch("[A-Za-z0-9_-]{1,64}", one.outputs["name"]):
            yield one.name


def variables_are_not_reserved(graph: Graph) -> Iterator[str]:
    """Lambda sets ``AWS_REGION`` and its like itself and refuses them. LAMBDA/configuration-envvars."""
    for one in graph.of(FUNCTION):
        for name in one.inputs.get("environment", {}).get("variables", {}):
            if not re.fullmatch("[A-Za-z][A-Za-z0-9_]+", name) or re.match("AWS_(?!USE_|STS_|RETRY_)|LAMBDA_|_", name):
                yield f"{one.name}: {name}"


def roles_of_functions_are_there(graph: Graph) -> Iterator[str]:
    """And have a policy before the function runs. LAMBDA/lambda-intro-execution-role."""
    roles = {one.outputs["arn"]: one.id for one in graph.of("iam/role:Role")}
    with_policy = {one.inputs["role"] for one in graph.of("iam/rolePolicy:RolePolicy")}
    for one in graph.of(FUNCTION):
        if roles.get(one.inputs["role"]) not in with_policy:
            yield f"{one.name} runs as {one.inputs['role']}"


def functions_log_where_logs_expire(graph: Graph) -> Iterator[str]:
    """A group of the graph with a retention: Lambda's own keeps for ever. LAMBDA/monitoring-cloudwatchlogs."""
    groups = {one.outputs["name"]: one.inputs.get("retentionInDays", 0) for one in graph.of(GROUP)}
    for one in graph.of(FUNCTION):
        logging = one.inputs.get("loggingConfig", {})
        if not groups.get(logging.get("logGroup", f"/aws/lambda/{one.outputs['name']}")):
            yield one.name


def retentions_are_those_of_a_list(graph: Graph) -> Iterator[str]:
    """LOGS/API_PutRetentionPolicy."""
    for one in graph.of(GROUP):
        if one.inputs.get("retentionInDays", 0) not in {0, *RETENTIONS}:
            yield f"{one.name} keeps for {one.inputs['retentionInDays']} days"


def a_url_is_called_with_two_permissions(graph: Graph) -> Iterator[str]:
    """``lambda:InvokeFunctionUrl`` for its kind of authorization, and ``lambda:InvokeFunction`` through the URL; both
    for one distribution where IAM authorizes. New URLs need both since October 2025. LAMBDA/urls-auth."""
    distributions = {one.outputs["arn"] for one in graph.distributions}
    for one in graph.of(URL):
        iam = one.inputs["authorizationType"] == "AWS_IAM"
        function = one.inputs["functionName"]
        given = [
            each.inputs
            for each in graph.of(PERMISSION)
            if each.inputs["function"] in (function, one.outputs["functionArn"])
        ]
        for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
            fitting = [
                each
                for each in given
                if each["action"] == action
                and each["principal"] == ("cloudfront.amazonaws.com" if iam else "*")
                and (not iam or each.get("sourceArn") in distributions)
                and (action != "lambda:InvokeFunction" or each.get("invokedViaFunctionUrl") is True)
                and (iam or action != "lambda:InvokeFunctionUrl" or each.get("functionUrlAuthType") == "NONE")
            ]
            if not fitting:
                yield f"{one.name} lacks {action}"


def permissions_say_what_their_action_takes(graph: Graph) -> Iterator[str]:
    """``FunctionUrlAuthType`` with InvokeFunctionUrl; the other with InvokeFunction. API_AddPermission."""
    for one in graph.of(PERMISSION):
        action = one.inputs["action"]
        wrong = ("functionUrlAuthType" in one.inputs and action != "lambda:InvokeFunctionUrl") or (
            "invokedViaFunctionUrl" in one.inputs and action != "lambda:InvokeFunction"
        )
        if wrong:
            yield one.name


def nobody_calls_but_through_the_url(graph: Graph) -> Iterator[str]:
    """``InvokeFunction`` for ``*`` is for calls through the URL only: else anybody calls the function itself.
    LAMBDA/access-control-resource-based."""
    for one in graph.of(PERMISSION):
        public = one.inputs["principal"] == "*" and one.inputs["action"] != "lambda:InvokeFunctionUrl"
        if public and one.inputs.get("invokedViaFunctionUrl") is not True:
            yield one.name


def urls_are_asked_over_https(graph: Graph) -> Iterator[str]:
    """A function URL speaks HTTPS only, on 443. LAMBDA/urls-invocation."""
    for _, origin in graph.origins():
        custom = origin.get("customOriginConfig", {})
        if ".lambda-url." in origin["domainName"] and (
            custom.get("originProtocolPolicy") != "https-only" or custom.get("httpsPort") != 443
        ):
            yield f"{origin['originId']!r}"


def urls_behind_an_origin_are_of_the_graph(graph: Graph) -> Iterator[str]:
    """The host of a URL that is there, signed for where IAM authorizes.
    DG/private-content-restricting-access-to-lambda."""
    hosts = {
        one.outputs["functionUrl"].removeprefix("https://").rstrip("/"): one.inputs["authorizationType"]
        for one in graph.of(URL)
    }
    for _, origin in graph.origins():
        if ".lambda-url." in origin["domainName"]:
            signed = "originAccessControlId" in origin
            if hosts.get(origin["domainName"]) != ("AWS_IAM" if signed else "NONE"):
                yield f"{origin['originId']!r} is {origin['domainName']}"


RULES: tuple[Rule, ...] = (
    functions_are_within_limits,
    variables_are_not_reserved,
    roles_of_functions_are_there,
    functions_log_where_logs_expire,
    retentions_are_those_of_a_list,
    a_url_is_called_with_two_permissions,
    permissions_say_what_their_action_takes,
    nobody_calls_but_through_the_url,
    urls_are_asked_over_https,
    urls_behind_an_origin_are_of_the_graph,
)
