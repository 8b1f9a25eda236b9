"""AWS: what each resource type computes, and what each data source returns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from inference_edge_cache.testing._cloud import Answer, Cloud, NewResource, Outputs, uuid_of

CREATED = "2026-01-01T00:00:00Z"
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"  # the hosted zone of every distribution
S3_ZONES = {  # https://docs.aws.amazon.com/general/latest/gr/s3.html
    "us-east-1": "Z3AQBSTGFYJSTF",
    "us-east-2": "Z2O1EMRO9K5GLX",
    "us-west-2": "Z3BJ6K6RIION7M",
    "eu-west-1": "Z1BKCTXD74EZPE",
    "eu-central-1": "Z21DNDUVLTQW6Q",
}
MANAGED_POLICIES = {  # "using managed ... policies" in the CloudFront developer guide
    "Managed-CachingOptimized": "658327ea-f89d-4fab-a63d-7e88639e58f6",
    "Managed-CachingDisabled": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
    "UseOriginCacheControlHeaders": "83da9c7e-98b4-4e11-a168-04f0df8e2c65",
    "UseOriginCacheControlHeaders-QueryStrings": "4cc15a8a-d715-48a4-82b8-cc0b614638fe",
    "Managed-AllViewer": "216adef6-5c7f-47e4-b989-5492eafa07d3",
    "Managed-AllViewerExceptHostHeader": "b689b0a8-53d0-40ab-baf2-68738e2966ac",
    "Managed-CORS-S3Origin": "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
    "Managed-SecurityHeadersPolicy": "67f7725c-6f97-4210-82d7-5512b31e9d03",
}


def _bucket_facts(name: str, cloud: Cloud) -> dict[str, Any]:
    return {
        "id": name,
        "bucket": name,
        "arn": f"arn:aws:s3:::{name}",
        "bucketDomainName": f"{name}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{name}.s3.{cloud.region}.amazonaws.com",
        "bucketRegion": cloud.region,
        "region": cloud.region,
        "hostedZoneId": S3_ZONES.get(cloud.region, S3_ZONES["us-east-1"]),
    }


def _bucket(new: NewResource) -> Mapping[str, Any]:
    return {**_bucket_facts(new.named("bucket"), new.cloud), "tagsAll": new.inputs.get("tags", {})}


def _of_bucket(new: NewResource) -> Mapping[str, Any]:
    return {"id": new.named("bucket"), "region": new.cloud.region}


def _bucket_object(new: NewResource) -> Mapping[str, Any]:
    bucket, key = new.inputs.get("bucket", "bucket"), new.named("key")
    return {"id": key, "key": key, "arn": f"arn:aws:s3:::{bucket}/{key}", "etag": new.hex(32), "versionId": "null"}


def _distribution(new: NewResource) -> Mapping[str, Any]:
    id_ = new.code("E")
    return {
        "id": id_,
        "arn": new.cloud.arn("cloudfront", f"distribution/{id_}", regional=False),
        "domainName": f"d{new.hex(13)}.cloudfront.net",
        "hostedZoneId": CLOUDFRONT_ZONE,
        "status": "Deployed",
        "etag": _etag(new),
        "callerReference": f"terraform-{new.hex(26)}",
        "inProgressValidationBatches": 0,
        "lastModifiedTime": CREATED,
        "trustedKeyGroups": [{"enabled": False, "items": []}],
        "trustedSigners": [{"enabled": False, "items": []}],
        "tagsAll": new.inputs.get("tags", {}),
    }


def _cloudfront_policy(kind: str) -> Outputs:
    def outputs(new: NewResource) -> Mapping[str, Any]:
        id_ = new.uuid()
        arn = new.cloud.arn("cloudfront", f"{kind}/{id_}", regional=False)
        return {"id": id_, "arn": arn, "etag": _etag(new), "name": new.inputs.get("name") or new.name}

    return outputs


def _origin_access_identity(new: NewResource) -> Mapping[str, Any]:
    id_ = new.code("E")
    return {
        "id": id_,
        "arn": new.cloud.arn("cloudfront", f"origin-access-identity/{id_}", regional=False),
        "iamArn": f"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity {id_}",
        "cloudfrontAccessIdentityPath": f"origin-access-identity/cloudfront/{id_}",
        "s3CanonicalUserId": new.hex(96),
        "callerReference": f"terraform-{new.hex(26)}",
        "etag": _etag(new),
    }


def _origin_access_control(new: NewResource) -> Mapping[str, Any]:
    id_ = new.code("E")
    return {
        "id": id_,
        "arn": new.cloud.arn("cloudfront", f"origin-access-control/{id_}", regional=False),
        "name": new.inputs.get("name") or new.name,
        "etag": _etag(new),
    }


def _cloudfront_function(new: NewResource) -> Mapping[str, Any]:
    name = new.named()
    return {
        "id": name,
        "name": name,
        "arn": new.cloud.arn("cloudfront", f"function/{name}", regional=False),
        "etag": _etag(new),
        "liveStageEtag": _etag(new),
        "status": "UNASSOCIATED",
    }


def _lambda_function(new: NewResource) -> Mapping[str, Any]:
    name, region = new.named(), new.cloud.region
    arn = new.cloud.arn("lambda", f"function:{name}")
    return {
        "id": name,
        "name": name,
        "arn": arn,
        "qualifiedArn": f"{arn}:$LATEST",
        "invokeArn": f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations",
        "version": "$LATEST",
        "lastModified": CREATED,
    }


def _function_url(new: NewResource) -> Mapping[str, Any]:
    function = str(new.inputs.get("functionName", new.name))
    arn = function if function.startswith("arn:") else new.cloud.arn("lambda", f"function:{function}")
    url_id = new.hex(32)
    return {
        "id": arn.rsplit(":", 1)[-1],
        "functionArn": arn,
        "functionUrl": f"https://{url_id}.lambda-url.{new.cloud.region}.on.aws/",
        "urlId": url_id,
    }


def _permission(new: NewResource) -> Mapping[str, Any]:
    return {"id": (statement := new.named("statementId")), "statementId": statement}


def _role(new: NewResource) -> Mapping[str, Any]:
    name = new.named()
    return {
        "id": name,
        "name": name,
        "arn": new.cloud.arn("iam", f"role/{name}", regional=False),
        "uniqueId": f"AROA{new.hex(17).upper()}",
        "createDate": CREATED,
    }


def _role_policy(new: NewResource) -> Mapping[str, Any]:
    name = new.inputs.get("name") or f"{new.name}-{new.hex(7)}"
    return {"id": f"{new.inputs.get('role')}:{name}", "name": name}


def _managed_iam_policy(new: NewResource) -> Mapping[str, Any]:
    name = new.named()
    arn = new.existing_id or new.cloud.arn("iam", f"policy/{name}", regional=False)
    return {"id": arn, "name": name, "arn": arn, "policyId": f"ANPA{new.hex(17).upper()}"}


def _secret(new: NewResource) -> Mapping[str, Any]:
    name = new.named()
    arn = new.existing_id or new.cloud.arn("secretsmanager", f"secret:{name}-{new.hex(6)}")
    return {"id": arn, "name": name, "arn": arn}


def _secret_version(new: NewResource) -> Mapping[str, Any]:
    arn, version = new.inputs.get("secretId", ""), uuid_of(new.seed)
    return {"id": f"{arn}|{version}", "arn": arn, "versionId": version, "versionStages": ["AWSCURRENT"]}


def _logs(kind: str) -> Outputs:
    def outputs(new: NewResource) -> Mapping[str, Any]:
        name = new.named()
        return {"id": name, "name": name, "arn": new.cloud.arn("logs", f"{kind}:{name}")}

    return outputs


def _log_delivery(new: NewResource) -> Mapping[str, Any]:
    id_ = new.existing_id or new.hex(16)
    return {"id": id_, "arn": new.cloud.arn("logs", f"delivery:{id_}")}


def _certificate(new: NewResource) -> Mapping[str, Any]:
    arn = new.existing_id or new.cloud.arn("acm", f"certificate/{uuid_of(new.seed)}")
    return {"id": arn, "arn": arn, "status": "ISSUED"}


def _web_acl(new: NewResource) -> Mapping[str, Any]:
    name, id_, scope = new.named(), new.uuid(), new.inputs.get("scope", "REGIONAL")
    kind = "global" if scope == "CLOUDFRONT" else "regional"
    return {"id": id_, "name": name, "arn": new.cloud.arn("wafv2", f"{kind}/webacl/{name}/{id_}")}


def _etag(new: NewResource) -> str:
    return f"E{new.hex(20)[7:]}".upper()


RESOURCES: dict[str, Outputs] = {
    "aws:acm/certificate:Certificate": _certificate,
    "aws:cloudfront/cachePolicy:CachePolicy": _cloudfront_policy("cache-policy"),
    "aws:cloudfront/distribution:Distribution": _distribution,
    "aws:cloudfront/function:Function": _cloudfront_function,
    "aws:cloudfront/monitoringSubscription:MonitoringSubscription": lambda new: {"id": new.named("distributionId")},
    "aws:cloudfront/originAccessControl:OriginAccessControl": _origin_access_control,
    "aws:cloudfront/originAccessIdentity:OriginAccessIdentity": _origin_access_identity,
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": _cloudfront_policy("origin-request-policy"),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": _cloudfront_policy("response-headers-policy"),
    "aws:cloudwatch/logDelivery:LogDelivery": _log_delivery,
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": _logs("delivery-destination"),
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": _logs("delivery-source"),
    "aws:cloudwatch/logGroup:LogGroup": _logs("log-group"),
    "aws:iam/policy:Policy": _managed_iam_policy,
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:lambda/function:Function": _lambda_function,
    "aws:lambda/functionUrl:FunctionUrl": _function_url,
    "aws:lambda/permission:Permission": _permission,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketV2:BucketV2": _bucket,
    "aws:s3/bucketObject:BucketObject": _bucket_object,
    "aws:s3/bucketObjectv2:BucketObjectv2": _bucket_object,
    **{
        f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}": _of_bucket
        for kind in (
            "BucketAcl",
            "BucketCorsConfiguration",
            "BucketLifecycleConfiguration",
            "BucketLogging",
            "BucketNotification",
            "BucketOwnershipControls",
            "BucketPolicy",
            "BucketPublicAccessBlock",
            "BucketServerSideEncryptionConfiguration",
            "BucketVersioning",
            "BucketWebsiteConfiguration",
        )
    },
    "aws:secretsmanager/secret:Secret": _secret,
    "aws:secretsmanager/secretVersion:SecretVersion": _secret_version,
    "aws:wafv2/webAcl:WebAcl": _web_acl,
}


def _region(args: Mapping[str, Any], cloud: Cloud) -> Mapping[str, Any]:
    region = args.get("region") or args.get("name") or cloud.region
    endpoint = f"ec2.{region}.amazonaws.com"
    return {"id": region, "region": region, "name": region, "description": region, "endpoint": endpoint}


def _caller(args: Mapping[str, Any], cloud: Cloud) -> Mapping[str, Any]:
    arn = cloud.arn("iam", "user/deployer", regional=False)
    return {"id": cloud.account, "accountId": cloud.account, "arn": arn, "userId": "AIDAEXAMPLEEXAMPLE123"}


def _partition(args: Mapping[str, Any], cloud: Cloud) -> Mapping[str, Any]:
    return {"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}


def _get_bucket(args: Mapping[str, Any], cloud: Cloud) -> Mapping[str, Any]:
    return _bucket_facts(args["bucket"], cloud)


def _get_cloudfront_policy(args: Mapping[str, Any], cloud: Cloud) -> Mapping[str, Any]:
    names = {id_: name for name, id_ in MANAGED_POLICIES.items()}
    name = args.get("name") or names.get(args["id"], "policy")
    id_ = args.get("id") or MANAGED_POLICIES.get(name) or uuid_of(name)
    return {"id": id_, "name": name, "etag": f"E{id_[:12]}".upper().replace("-", "0")}


def _policy_document(args: Mapping[str, Any], cloud: Cloud) -> Mapping[str, Any]:
    document = {
        "Version": args.get("version", "2012-10-17"),
        **({"Id": args["policyId"]} if args.get("policyId") else {}),
        "Statement": [_statement(statement) for statement in args.get("statements", [])],
    }
    text = json.dumps(document, indent=2)
    return {**args, "id": uuid_of(text), "json": text, "minifiedJson": json.dumps(document, separators=(",", ":"))}


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    condition: dict[str, dict[str, Any]] = {}
    for test in given.get("conditions", []):
        condition.setdefault(test["test"], {})[test["variable"]] = _one_or_many(test["values"])
    parts = {
        "Sid": given.get("sid"),
        "Effect": given.get("effect", "Allow"),
        "Principal": _principals(given.get("principals", [])),
        "NotPrincipal": _principals(given.get("notPrincipals", [])),
        "Action": _one_or_many(given.get("actions", [])),
        "NotAction": _one_or_many(given.get("notActions", [])),
        "Resource": _one_or_many(given.get("resources", [])),
        "NotResource": _one_or_many(given.get("notResources", [])),
        "Condition": condition,
    }
    return {key: value for key, value in parts.items() if value}


def _principals(given: list[Mapping[str, Any]]) -> Any:
    by_type: dict[str, list[str]] = {}
    for principal in given:
        by_type.setdefault(principal["type"], []).extend(principal["identifiers"])
    return "*" if by_type == {"*": ["*"]} else {type_: _one_or_many(ids) for type_, ids in by_type.items()}


def _one_or_many(values: list[str]) -> Any:
    return values[0] if len(values) == 1 else sorted(values)


FUNCTIONS: dict[str, Answer] = {
    "aws:cloudfront/getCachePolicy:getCachePolicy": _get_cloudfront_policy,
    "aws:cloudfront/getOriginRequestPolicy:getOriginRequestPolicy": _get_cloudfront_policy,
    "aws:cloudfront/getResponseHeadersPolicy:getResponseHeadersPolicy": _get_cloudfront_policy,
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
    "aws:s3/getBucket:getBucket": _get_bucket,
}
