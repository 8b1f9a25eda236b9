"""CloudWatch and its logs: log groups, dashboards, deliveries of access logs."""

from aws_emulator.given import present
from aws_emulator.kinds import Kind, Made, New, Outputs, put, unchangeable


def _log_group(new: New) -> Outputs:
    for name in ("name", "region", "skipDestroy"):  # the last one is for the deletion
        new.given.take(name, None)
    new.aws.call(
        "logs",
        "CreateLogGroup",
        region=new.region,
        **present(
            logGroupName=new.name,
            kmsKeyId=new.given.take("kmsKeyId", None),
            tags=new.given.take("tags", None),
            logGroupClass=new.given.take("logGroupClass", None),
        ),
    )
    _keep_for(new)
    return {"id": new.name, "name": new.name}


def _update_log_group(new: New, made: Made) -> Outputs:
    for name in ("name", "region", "skipDestroy"):
        new.given.take(name, None)
    if tags := new.given.take("tags", None):
        new.aws.call("logs", "TagLogGroup", region=new.region, logGroupName=new.name, tags=tags)
    _keep_for(new)
    return made.outputs


def _keep_for(new: New) -> None:
    if days := new.given.take("retentionInDays", 0):  # 0: for ever
        group = new.name
        new.aws.call("logs", "PutRetentionPolicy", region=new.region, logGroupName=group, retentionInDays=days)


def _delete_log_group(made: Made) -> None:
    if not made.inputs.get("skipDestroy"):
        made.aws.call("logs", "DeleteLogGroup", region=made.region, logGroupName=made.outputs["name"])


def _source(new: New) -> Outputs:
    new.given.take("name", None)
    new.given.take("region", None)
    made = new.aws.call(
        "logs",
        "PutDeliverySource",
        region=new.region,
        **present(
            name=new.name,
            resourceArn=new.given.take("resourceArn"),
            logType=new.given.take("logType"),
            tags=new.given.take("tags", None),
        ),
    )["deliverySource"]
    return {"id": made["name"], "name": made["name"], "arn": made["arn"]}


def _destination(new: New) -> Outputs:
    new.given.take("name", None)
    new.given.take("region", None)
    place = new.given.one("deliveryDestinationConfiguration").take("destinationResourceArn")
    made = new.aws.call(
        "logs",
        "PutDeliveryDestination",
        region=new.region,
        **present(
            name=new.name,
            outputFormat=new.given.take("outputFormat", None),
            deliveryDestinationConfiguration={"destinationResourceArn": place},
            tags=new.given.take("tags", None),
        ),
    )["deliveryDestination"]
    return {"id": made["name"], "name": made["name"], "arn": made["arn"]}


def _delivery(new: New) -> Outputs:
    new.given.take("region", None)
    made = new.aws.call(
        "logs",
        "CreateDelivery",
        region=new.region,
        **present(
            deliverySourceName=new.given.take("deliverySourceName"),
            deliveryDestinationArn=new.given.take("deliveryDestinationArn"),
            recordFields=new.given.take("recordFields", None),
            tags=new.given.take("tags", None),
        ),
    )["delivery"]
    return {"id": made["id"], "arn": made["arn"]}


def _dashboard(new: New) -> Outputs:
    name = new.given.take("dashboardName")
    new.given.take("region", None)
    body = new.given.take("dashboardBody")
    found = new.aws.call("cloudwatch", "PutDashboard", region=new.region, DashboardName=name, DashboardBody=body)
    assert not found.get("DashboardValidationMessages"), found
    return {"id": new.name}


def _delete_source(made: Made) -> None:
    made.aws.call("logs", "DeleteDeliverySource", region=made.region, name=made.outputs["name"])


def _delete_destination(made: Made) -> None:
    made.aws.call("logs", "DeleteDeliveryDestination", region=made.region, name=made.outputs["name"])


def _delete_delivery(made: Made) -> None:
    # The emulator's ids have hyphens in them, which the API's model does not allow: this one call is not checked.
    made.aws.client("logs", made.region).delete_delivery(id=made.outputs["id"])


def _delete_dashboard(made: Made) -> None:
    names = [made.inputs["dashboardName"]]
    made.aws.call("cloudwatch", "DeleteDashboards", region=made.region, DashboardNames=names)


KINDS = {
    "aws:cloudwatch/dashboard:Dashboard": put(_dashboard, _delete_dashboard, "dashboardName", "region"),
    "aws:cloudwatch/logGroup:LogGroup": Kind(
        _log_group, _update_log_group, _delete_log_group, frozenset({"name", "region"})
    ),
    "aws:cloudwatch/logDelivery:LogDelivery": Kind(_delivery, unchangeable, _delete_delivery),
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": put(_destination, _delete_destination, "name"),
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": put(
        _source, _delete_source, "name", "resourceArn", "logType"
    ),
}
