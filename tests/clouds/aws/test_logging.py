"""Access logs and metrics."""

import pulumi

LOG_GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:/edge"


def test_logs_go_from_the_distribution_to_the_destination(deployed):
    recording = deployed(logging={"destination": lambda: pulumi.Output.from_input(LOG_GROUP)}, tags={"team": "search"})
    source, target = recording.one("cache-log-source"), recording.one("cache-log-target")
    assert source.inputs == {
        "logType": "ACCESS_LOGS",
        "resourceArn": recording.one("Distribution").outputs["arn"],
        "region": "us-east-1",
        "tags": {"team": "search"},
    }
    assert target.inputs == {
        "deliveryDestinationConfiguration": {"destinationResourceArn": LOG_GROUP},
        "outputFormat": "json",
        "region": "us-east-1",
        "tags": {"team": "search"},
    }
    assert recording.one("cache-log-delivery").inputs == {
        "deliverySourceName": source.outputs["name"],
        "deliveryDestinationArn": target.outputs["arn"],
        "region": "us-east-1",
        "tags": {"team": "search"},
    }


def test_the_old_kind_of_logs_is_not_used(distribution):
    """It needs a bucket with ACLs."""
    assert "loggingConfig" not in distribution(logging={"destination": LOG_GROUP})


def test_no_logs_unless_asked(deployed):
    assert [resource.name for resource in deployed().resources if "log" in resource.name] == []


def test_the_hit_rate_is_always_measured(deployed, scenario):
    recording = deployed(**scenario)
    assert recording.one("MonitoringSubscription").input("distributionId") == recording.one("Distribution").id
