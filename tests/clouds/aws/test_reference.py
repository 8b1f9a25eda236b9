"""The reference deployment, every input of every resource: an endpoint and a bucket, all defaults."""

import json

import pytest

NAMES = [
    "cache-bucket",
    "cache-bucket-encryption",
    "cache-bucket-lifecycle",
    "cache-bucket-ownership",
    "cache-bucket-policy",
    "cache-bucket-public-access-block",
    "cache-bucket-versioning",
    "cache-cache-policy",
    "cache-cache-policy-aefb0c5d",
    "cache-distribution",
    "cache-monitoring-subscription",
    "cache-origin-access-identity",
    "cache-response-headers-policy",
]


@pytest.fixture
def reference(deployed):
    return deployed(bucket={})


@pytest.fixture
def bucket(reference):
    return reference.one("Bucket").outputs["bucket"]


def test_these_resources_and_no_others(reference):
    assert sorted(child.name for child in reference.children("cache")) == NAMES
    assert len(reference.resources) == len(NAMES) + 1
    assert reference.warnings == ()


def test_bucket(reference):
    assert reference.one("cache-bucket").inputs == {"forceDestroy": False}


def test_bucket_ownership(reference, bucket):
    assert reference.one("cache-bucket-ownership").inputs == {
        "bucket": bucket,
        "rule": {"objectOwnership": "BucketOwnerEnforced"},
    }


def test_bucket_public_access_block(reference, bucket):
    assert reference.one("cache-bucket-public-access-block").inputs == {
        "bucket": bucket,
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }


def test_bucket_encryption(reference, bucket):
    assert reference.one("cache-bucket-encryption").inputs == {
        "bucket": bucket,
        "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
    }


def test_bucket_versioning(reference, bucket):
    assert reference.one("cache-bucket-versioning").inputs == {
        "bucket": bucket,
        "versioningConfiguration": {"status": "Enabled"},
    }


def test_bucket_lifecycle(reference, bucket):
    assert reference.one("cache-bucket-lifecycle").inputs == {
        "bucket": bucket,
        "rules": [
            {
                "id": "abandoned-uploads",
                "status": "Enabled",
                "filter": {},
                "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
            },
            {
                "id": "old-versions",
                "status": "Enabled",
                "filter": {},
                "noncurrentVersionExpiration": {"noncurrentDays": 30},
            },
        ],
    }


def test_bucket_policy(reference, bucket):
    inputs = reference.one("cache-bucket-policy").inputs
    assert {**inputs, "policy": json.loads(inputs["policy"])} == {
        "bucket": bucket,
        "policy": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "AllowCloudFrontRead",
                    "Effect": "Allow",
                    "Principal": {"AWS": reference.one("cache-origin-access-identity").outputs["iamArn"]},
                    "Action": "s3:GetObject",
                    "Resource": [f"arn:aws:s3:::{bucket}/artifacts/*"],
                },
                {
                    "Sid": "DenyPlainHttp",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ],
        },
    }


def test_origin_access_identity(reference):
    comment = "How the edge cache cache reads its bucket"
    assert reference.one("cache-origin-access-identity").inputs == {"comment": comment}


def test_cache_policy_of_the_default_route(reference):
    assert reference.one("cache-cache-policy").inputs == {
        "comment": "How the edge cache cache keeps answers",
        "minTtl": 0,
        "defaultTtl": 3600,
        "maxTtl": 86_400,
        "parametersInCacheKeyAndForwardedToOrigin": {
            "enableAcceptEncodingGzip": True,
            "enableAcceptEncodingBrotli": True,
            "queryStringsConfig": {"queryStringBehavior": "all"},
            "headersConfig": {"headerBehavior": "none"},
            "cookiesConfig": {"cookieBehavior": "none"},
        },
    }


def test_cache_policy_of_the_bucket(reference):
    assert reference.one("cache-cache-policy-aefb0c5d").inputs == {
        "comment": "How the edge cache cache keeps answers",
        "minTtl": 0,
        "defaultTtl": 86_400,
        "maxTtl": 31_536_000,
        "parametersInCacheKeyAndForwardedToOrigin": {
            "enableAcceptEncodingGzip": True,
            "enableAcceptEncodingBrotli": True,
            "queryStringsConfig": {"queryStringBehavior": "none"},
            "headersConfig": {"headerBehavior": "none"},
            "cookiesConfig": {"cookieBehavior": "none"},
        },
    }


def test_response_headers_policy(reference):
    assert reference.one("cache-response-headers-policy").inputs == {
        "comment": "What the edge cache cache changes in answers",
        "securityHeadersConfig": {
            "strictTransportSecurity": {
                "accessControlMaxAgeSec": 31_536_000,
                "includeSubdomains": False,
                "preload": False,
                "override": False,
            },
            "contentTypeOptions": {"override": True},
            "frameOptions": {"frameOption": "DENY", "override": False},
            "referrerPolicy": {"referrerPolicy": "strict-origin-when-cross-origin", "override": False},
        },
        "removeHeadersConfig": {"items": [{"header": "Set-Cookie"}]},
        "serverTimingHeadersConfig": {"enabled": True, "samplingRate": 100},
    }


def test_distribution(reference, bucket):
    headers = reference.one("cache-response-headers-policy").id
    assert reference.one("cache-distribution").inputs == {
        "comment": "Edge cache cache",
        "enabled": True,
        "httpVersion": "http2and3",
        "isIpv6Enabled": True,
        "priceClass": "PriceClass_All",
        "viewerCertificate": {"cloudfrontDefaultCertificate": True},
        "restrictions": {"geoRestriction": {"restrictionType": "none"}},
        "origins": [
            {
                "originId": "endpoint",
                "originPath": "",
                "domainName": "model.example.com",
                "connectionTimeout": 5,
                "connectionAttempts": 1,
                "customOriginConfig": {
                    "originProtocolPolicy": "https-only",
                    "httpPort": 80,
                    "httpsPort": 443,
                    "originSslProtocols": ["TLSv1.2"],
                    "originReadTimeout": 30,
                    "originKeepaliveTimeout": 5,
                },
            },
            {
                "originId": "bucket",
                "domainName": f"{bucket}.s3.us-east-1.amazonaws.com",
                "s3OriginConfig": {
                    "originAccessIdentity": reference.one("cache-origin-access-identity").outputs[
                        "cloudfrontAccessIdentityPath"
                    ]
                },
            },
        ],
        "orderedCacheBehaviors": [
            {
                "pathPattern": "/artifacts/*",
                "targetOriginId": "bucket",
                "allowedMethods": ["GET", "HEAD"],
                "cachedMethods": ["GET", "HEAD"],
                "cachePolicyId": reference.one("cache-cache-policy-aefb0c5d").id,
                "responseHeadersPolicyId": headers,
                "viewerProtocolPolicy": "redirect-to-https",
                "compress": True,
            }
        ],
        "defaultCacheBehavior": {
            "targetOriginId": "endpoint",
            "allowedMethods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
            "cachedMethods": ["GET", "HEAD"],
            "cachePolicyId": reference.one("cache-cache-policy").id,
            "responseHeadersPolicyId": headers,
            "viewerProtocolPolicy": "redirect-to-https",
            "compress": True,
        },
        "customErrorResponses": [
            {"errorCode": 404, "errorCachingMinTtl": 0},
            {"errorCode": 414, "errorCachingMinTtl": 0},
            {"errorCode": 500, "errorCachingMinTtl": 0},
            {"errorCode": 501, "errorCachingMinTtl": 0},
            {"errorCode": 502, "errorCachingMinTtl": 0},
            {"errorCode": 503, "errorCachingMinTtl": 0},
            {"errorCode": 504, "errorCachingMinTtl": 0},
        ],
    }


def test_monitoring_subscription(reference):
    assert reference.one("cache-monitoring-subscription").inputs == {
        "distributionId": reference.one("cache-distribution").id,
        "monitoringSubscription": {
            "realtimeMetricsSubscriptionConfig": {"realtimeMetricsSubscriptionStatus": "Enabled"}
        },
    }


def test_outputs(reference, bucket):
    domain = reference.one("cache-distribution").outputs["domainName"]
    assert reference.one("cache").outputs == {
        "url": f"https://{domain}",
        "domainName": domain,
        "cacheId": reference.one("cache-distribution").id,
        "bucketName": bucket,
    }
