"""What is in an emulated account."""

from collections.abc import Callable, Mapping
from typing import Any

from aws_emulator.process import Emulator

REGIONS = ("us-east-1", "eu-west-1")
"""Where the tests deploy to."""

_LISTS: Mapping[str, tuple[str, str, Mapping[str, Any], Callable[[Any], Any]]] = {
    "distributions": ("cloudfront", "list_distributions", {}, lambda found: found["DistributionList"].get("Items")),
    "cache policies": (
        "cloudfront",
        "list_cache_policies",
        {"Type": "custom"},
        lambda found: found["CachePolicyList"].get("Items"),
    ),
    "origin request policies": (
        "cloudfront",
        "list_origin_request_policies",
        {"Type": "custom"},
        lambda found: found["OriginRequestPolicyList"].get("Items"),
    ),
    "response headers policies": (
        "cloudfront",
        "list_response_headers_policies",
        {"Type": "custom"},
        lambda found: found["ResponseHeadersPolicyList"].get("Items"),
    ),
    "access controls": (
        "cloudfront",
        "list_origin_access_controls",
        {},
        lambda found: found["OriginAccessControlList"].get("Items"),
    ),
    "edge functions": ("cloudfront", "list_functions", {}, lambda found: found["FunctionList"].get("Items")),
    "buckets": ("s3", "list_buckets", {}, lambda found: found["Buckets"]),
    "roles": ("iam", "list_roles", {}, lambda found: found["Roles"]),
    "functions": ("lambda", "list_functions", {}, lambda found: found["Functions"]),
    "secrets": (
        "secretsmanager",
        "list_secrets",
        {"IncludePlannedDeletion": True},
        lambda found: found["SecretList"],
    ),
    "log groups": ("logs", "describe_log_groups", {}, lambda found: found["logGroups"]),
    "deliveries": ("logs", "describe_deliveries", {}, lambda found: found["deliveries"]),
    "delivery sources": ("logs", "describe_delivery_sources", {}, lambda found: found["deliverySources"]),
    "delivery destinations": (
        "logs",
        "describe_delivery_destinations",
        {},
        lambda found: found["deliveryDestinations"],
    ),
    "dashboards": ("cloudwatch", "list_dashboards", {}, lambda found: found["DashboardEntries"]),
}


def leftovers(aws: Emulator) -> dict[str, Any]:
    """Everything of every kind that the deployer makes, where there is any: by kind and region."""
    found = {
        f"{kind} in {region}": read(getattr(aws.client(service, region), method)(**params))
        for region in REGIONS
        for kind, (service, method, params, read) in _LISTS.items()
    }
    return {kind: items for kind, items in found.items() if items}
