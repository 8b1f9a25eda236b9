"""Names and ids of resources that exist already. They may be Outputs, and are then checked when they resolve."""

import re

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import Problem

_HOST = r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"

# Argument, and cloud where it matters -> the shape, what it is, and where it comes from.
_SHAPES: dict[tuple[str, Cloud | None], tuple[str, str, str]] = {
    ("origin.host_header", None): (_HOST, "a host name", 'write it as in "model.example.com"'),
    ("custom_domain.certificate", Cloud.AWS): (
        r"arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[\w-]+",
        "the ARN of an ACM certificate in us-east-1, which CloudFront takes",
        'make it with aws.acm.Certificate(..., region="us-east-1") and pass its arn',
    ),
    ("custom_domain.certificate", Cloud.GCP): (
        r"(?!arn:)[\w./:-]+",
        "the id of a Certificate Manager certificate",
        "pass the id of a certificate of scope EDGE_CACHE",
    ),
    ("logging.destination", Cloud.AWS): (
        r"arn:aws[a-z-]*:(logs|s3|firehose):\S+",
        "the ARN of a log group, S3 bucket or Firehose stream",
        "pass the arn of the destination",
    ),
    ("aws.web_acl_id", None): (
        r"arn:aws[a-z-]*:wafv2:us-east-1:[0-9]{12}:global/webacl/\S+",
        "the ARN of a WAFv2 web ACL of scope CLOUDFRONT",
        'make it with aws.wafv2.WebAcl(scope="CLOUDFRONT", region="us-east-1", ...) and pass its arn',
    ),
    ("aws.existing_policy_ids", None): (
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "the id of a cache policy",
        'pass an id as in "658327ea-f89d-4fab-a63d-7e88639e58f6"',
    ),
    ("gcp.edge_security_policy", None): (
        r"[\w./:-]+",
        "the id of a Cloud Armor policy",
        "pass the id of a policy of type CLOUD_ARMOR_EDGE",
    ),
    ("bucket.name", None): (
        r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]",
        "the name of a bucket",
        'pass the name alone, as in "my-artifacts"',
    ),
    ("bucket.kms_key", Cloud.AWS): (r"arn:aws[a-z-]*:kms:\S+", "the ARN of a KMS key", "pass the arn of the key"),
    ("bucket.kms_key", Cloud.GCP): (
        r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/\S+",
        "the name of a Cloud KMS key",
        "pass the id of the key",
    ),
    ("bucket.region", Cloud.AWS): (r"[a-z]{2}(-[a-z]+)+-[0-9]", "an AWS region", 'write it as in "eu-west-1"'),
    ("bucket.region", Cloud.GCP): (r"[A-Za-z0-9-]+", "a Cloud Storage location", 'write it as in "europe-west3"'),
    ("gateway.region", Cloud.GCP): (
        r"[a-z]+(-[a-z]+)+[0-9]+",
        "a region of Google Cloud",
        'write it as in "europe-west3"',
    ),
}


def identifier(value: str, argument: str, path: str, cloud: Cloud) -> list[Problem]:
    """Whether ``value`` has the shape of what ``argument`` takes; ``path`` is where it was given."""
    shape = _SHAPES.get((argument, cloud)) or _SHAPES.get((argument, None))
    if shape is None or re.fullmatch(shape[0], value):
        return []
    return [Problem.at(path, value, f"is not {shape[1]}", shape[2])]
