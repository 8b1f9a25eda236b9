"""What the component makes, by logical child: the key in ``overrides`` and the suffix of the resource's name.

A contract: the name of a child is ``<component>-<suffix>``, and a changed suffix replaces a user's resource. Where one
logical child stands for several resources (a policy for each distinct one, an API for each that is enabled), the
others add the policy's digest, or the API's name.

The shorter suffixes leave room: with the longest component name and the 8 characters that Pulumi adds, the name of an
Origin Access Control must stay within 64 characters, those of log sources and destinations within 60.
"""

from collections.abc import Mapping

from inference_edge_cache.capabilities import Cloud

CHILDREN: Mapping[Cloud, Mapping[str, str]] = {
    Cloud.AWS: {
        "bucket": "bucket",
        "bucket_ownership": "bucket-ownership",
        "bucket_public_access_block": "bucket-public-access-block",
        "bucket_encryption": "bucket-encryption",
        "bucket_versioning": "bucket-versioning",
        "bucket_lifecycle": "bucket-lifecycle",
        "bucket_policy": "bucket-policy",
        "origin_access_identity": "origin-access-identity",
        "origin_access_control": "access-control",
        "cache_policy": "cache-policy",
        "origin_request_policy": "origin-request-policy",
        "response_headers_policy": "response-headers-policy",
        "distribution": "distribution",
        "monitoring_subscription": "monitoring-subscription",
        "log_delivery_source": "log-source",
        "log_delivery_destination": "log-target",
        "log_delivery": "log-delivery",
        "results": "results",
        "results_ownership": "results-ownership",
        "results_public_access_block": "results-public-access-block",
        "results_encryption": "results-encryption",
        "results_lifecycle": "results-lifecycle",
        "results_policy": "results-policy",
        "discovery_document": "discovery-document",
        "master_secret": "master-secret",
        "master_secret_version": "master-secret-version",
        "model_headers": "model-headers",
        "model_headers_version": "model-headers-version",
        "gateway": "gateway",
        "gateway_role": "gateway-role",
        "gateway_role_policy": "gateway-role-policy",
        "gateway_logs": "gateway-logs",
        "gateway_url": "gateway-url",
        "gateway_url_permission": "gateway-url-permission",
        "gateway_invoke_permission": "gateway-invoke-permission",
        "gateway_signing": "gateway-signing",
        "payload_policy": "payload-policy",
        "preflight": "preflight",
        "dashboard": "dashboard",
    },
    Cloud.GCP: {
        "bucket": "bucket",
        "bucket_reader": "bucket-reader",
        "origin": "origin",
        "failover_origin": "origin-failover",
        "bucket_origin": "origin-bucket",
        "service": "service",
        "api": "api",
        "results": "results",
        "results_reader": "results-reader",
        "results_writer": "results-writer",
        "results_origin": "origin-results",
        "discovery_document": "discovery-document",
        "master_secret": "master-secret",
        "master_secret_version": "master-secret-version",
        "master_secret_reader": "master-secret-reader",
        "model_headers": "model-headers",
        "model_headers_version": "model-headers-version",
        "model_headers_reader": "model-headers-reader",
        "model_role": "model-role",
        "model_caller": "model-caller",
        "publisher_model_caller": "publisher-model-caller",
        "source": "source",
        "source_archive": "source-archive",
        "gateway": "gateway",
        "gateway_account": "gateway-account",
        "gateway_invoker": "gateway-invoker",
        "gateway_origin": "origin-gateway",
        "requests_metric": "requests-metric",
        "latency_metric": "latency-metric",
        "dashboard": "dashboard",
    },
}


def child_name(component: str, cloud: Cloud, child: str, digest: str = "") -> str:
    """The name of ``child`` of the component named ``component``; ``digest`` tells several of a kind apart."""
    return "-".join(part for part in (component, CHILDREN[cloud][child], digest) if part)
