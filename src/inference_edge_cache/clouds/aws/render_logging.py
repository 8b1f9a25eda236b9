"""What is seen of the cache: metrics always, access logs when asked for."""

from collections.abc import Mapping

import pulumi
from pulumi_aws import cloudfront as cf
from pulumi_aws import cloudwatch

from inference_edge_cache.plan.model import LoggingPlan

REGION = "us-east-1"  # where CloudFront's log deliveries live, whatever region the logs go to

Tags = Mapping[str, pulumi.Input[str]] | None


def monitoring_subscription_args(distribution_id: pulumi.Input[str]) -> cf.MonitoringSubscriptionArgs:
    """Cache hit rate, origin latency and errors by status in CloudWatch.

    Always on: without its hit rate nobody knows whether a cache is worth having. CloudWatch charges the eight metrics
    as custom ones, up to $2.40 a month for each distribution (US price, 2026).
    """
    return cf.MonitoringSubscriptionArgs(
        distribution_id=distribution_id,
        monitoring_subscription=cf.MonitoringSubscriptionMonitoringSubscriptionArgs(
            realtime_metrics_subscription_config=cf.MonitoringSubscriptionMonitoringSubscriptionRealtimeMetricsSubscriptionConfigArgs(
                realtime_metrics_subscription_status="Enabled"
            )
        ),
    )


def source_args(distribution_arn: pulumi.Input[str], tags: Tags) -> cloudwatch.LogDeliverySourceArgs:
    return cloudwatch.LogDeliverySourceArgs(
        log_type="ACCESS_LOGS", resource_arn=distribution_arn, region=REGION, tags=tags
    )


def destination_args(logging: LoggingPlan, tags: Tags) -> cloudwatch.LogDeliveryDestinationArgs:
    return cloudwatch.LogDeliveryDestinationArgs(
        delivery_destination_configuration=cloudwatch.LogDeliveryDestinationDeliveryDestinationConfigurationArgs(
            destination_resource_arn=logging.destination
        ),
        output_format="json",
        region=REGION,
        tags=tags,
    )


def delivery_args(
    source_name: pulumi.Input[str], destination_arn: pulumi.Input[str], tags: Tags
) -> cloudwatch.LogDeliveryArgs:
    return cloudwatch.LogDeliveryArgs(
        delivery_source_name=source_name, delivery_destination_arn=destination_arn, region=REGION, tags=tags
    )
