"""CloudFront: the distribution and what it points at, as the API wants to hear it."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_emulator.given import Given, present
from aws_emulator.iam import tag_list
from aws_emulator.kinds import Kind, Made, New, Outputs, put, unchangeable


def listed(items: Sequence[Any]) -> dict[str, Any]:
    """A list as this API writes it: an empty one has no items."""
    return {"Quantity": len(items), "Items": list(items)} if items else {"Quantity": 0}


# Distribution ---------------------------------------------------------------------------------------------------------
def distribution_config(given: Given, reference: str) -> dict[str, Any]:
    """The whole configuration: an update sends all of it, too."""
    return present(
        CallerReference=reference,
        Comment=given.take("comment", ""),
        Enabled=given.take("enabled"),
        HttpVersion=given.take("httpVersion", None),
        IsIPV6Enabled=given.take("isIpv6Enabled", None),
        PriceClass=given.take("priceClass", None),
        DefaultRootObject=given.take("defaultRootObject", ""),
        WebACLId=given.take("webAclId", ""),
        Aliases=listed(given.take("aliases", [])),
        Origins=listed([_origin(one) for one in given.many("origins")]),
        OriginGroups=listed([_origin_group(one) for one in given.many("originGroups")]),
        DefaultCacheBehavior=_behavior(given.one("defaultCacheBehavior")),
        CacheBehaviors=listed([_behavior(one) for one in given.many("orderedCacheBehaviors")]),
        CustomErrorResponses=listed([_error_response(one) for one in given.many("customErrorResponses")]),
        Restrictions={"GeoRestriction": _geo(given.one("restrictions").one("geoRestriction"))},
        ViewerCertificate=_certificate(given.one("viewerCertificate")),
        Logging={"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
    )


def _origin(given: Given) -> dict[str, Any]:
    identity = given.one("s3OriginConfig").take("originAccessIdentity", "")
    custom = _custom_origin(given.one("customOriginConfig")) if given.has("customOriginConfig") else None
    headers = given.many("customHeaders")
    shield = given.one("originShield") if given.has("originShield") else None
    return present(
        Id=given.take("originId"),
        DomainName=given.take("domainName"),
        OriginPath=given.take("originPath", ""),
        ConnectionTimeout=given.take("connectionTimeout", None),
        ConnectionAttempts=given.take("connectionAttempts", None),
        ResponseCompletionTimeout=given.take("responseCompletionTimeout", None),
        OriginAccessControlId=given.take("originAccessControlId", ""),
        CustomOriginConfig=custom,
        # The provider writes an empty one where an origin is neither custom nor read with an identity.
        S3OriginConfig={"OriginAccessIdentity": identity} if custom is None else None,
        CustomHeaders=listed([{"HeaderName": one.take("name"), "HeaderValue": one.take("value")} for one in headers]),
        OriginShield=shield
        and present(Enabled=shield.take("enabled"), OriginShieldRegion=shield.take("originShieldRegion", None)),
    )


def _custom_origin(given: Given) -> dict[str, Any]:
    return present(
        HTTPPort=given.take("httpPort"),
        HTTPSPort=given.take("httpsPort"),
        OriginProtocolPolicy=given.take("originProtocolPolicy"),
        OriginSslProtocols=listed(given.take("originSslProtocols")),
        OriginReadTimeout=given.take("originReadTimeout", None),
        OriginKeepaliveTimeout=given.take("originKeepaliveTimeout", None),
        IpAddressType=given.take("ipAddressType", None),
    )


def _origin_group(given: Given) -> dict[str, Any]:
    return {
        "Id": given.take("originId"),
        "FailoverCriteria": {"StatusCodes": listed(given.one("failoverCriteria").take("statusCodes"))},
        "Members": listed([{"OriginId": one.take("originId")} for one in given.many("members")]),
    }


def _behavior(given: Given) -> dict[str, Any]:
    methods, cached = given.take("allowedMethods"), given.take("cachedMethods")
    functions = [
        {"EventType": one.take("eventType"), "FunctionARN": one.take("functionArn")}
        for one in given.many("functionAssociations")
    ]
    return present(
        PathPattern=given.take("pathPattern", None),
        TargetOriginId=given.take("targetOriginId"),
        ViewerProtocolPolicy=given.take("viewerProtocolPolicy"),
        AllowedMethods={**listed(methods), "CachedMethods": listed(cached)},
        CachePolicyId=given.take("cachePolicyId", None),
        OriginRequestPolicyId=given.take("originRequestPolicyId", None),
        ResponseHeadersPolicyId=given.take("responseHeadersPolicyId", None),
        Compress=given.take("compress", False),
        SmoothStreaming=given.take("smoothStreaming", False),
        FunctionAssociations=listed(functions),
        LambdaFunctionAssociations=listed([]),
        FieldLevelEncryptionId=given.take("fieldLevelEncryptionId", ""),
        TrustedKeyGroups={"Enabled": False, "Quantity": 0},
        TrustedSigners={"Enabled": False, "Quantity": 0},
    )


def _error_response(given: Given) -> dict[str, Any]:
    return present(
        ErrorCode=given.take("errorCode"),
        ErrorCachingMinTTL=given.take("errorCachingMinTtl", None),
        ResponseCode=given.take("responseCode", None),
        ResponsePagePath=given.take("responsePagePath", None),
    )


def _geo(given: Given) -> dict[str, Any]:
    return {"RestrictionType": given.take("restrictionType"), **listed(given.take("locations", []))}


def _certificate(given: Given) -> dict[str, Any]:
    return present(
        CloudFrontDefaultCertificate=given.take("cloudfrontDefaultCertificate", None),
        ACMCertificateArn=given.take("acmCertificateArn", None),
        SSLSupportMethod=given.take("sslSupportMethod", None),
        MinimumProtocolVersion=given.take("minimumProtocolVersion", None),
    )


def _distribution(new: New) -> Outputs:
    tags = tag_list(new.given.take("tags", None))
    _take_options(new.given)
    config = distribution_config(new.given, new.recorded["callerReference"])
    if tags is None:
        made = new.aws.call("cloudfront", "CreateDistribution", DistributionConfig=config)["Distribution"]
    else:
        tagged = {"DistributionConfig": config, "Tags": {"Items": tags}}
        made = new.aws.call("cloudfront", "CreateDistributionWithTags", DistributionConfigWithTags=tagged)[
            "Distribution"
        ]
    return {"id": made["Id"], "arn": made["ARN"], "domainName": made["DomainName"]}


def _update_distribution(new: New, made: Made) -> Outputs:
    id_, arn = made.outputs["id"], made.outputs["arn"]
    if tags := tag_list(new.given.take("tags", None)):
        new.aws.call("cloudfront", "TagResource", Resource=arn, Tags={"Items": tags})
    _take_options(new.given)
    config = distribution_config(new.given, new.recorded["callerReference"])
    etag = new.aws.call("cloudfront", "GetDistribution", Id=id_)["ETag"]
    new.aws.call("cloudfront", "UpdateDistribution", Id=id_, IfMatch=etag, DistributionConfig=config)
    return made.outputs


def _take_options(given: Given) -> None:
    """What the provider itself heeds: CloudFront does not hear of it."""
    given.take("waitForDeployment", None)
    given.take("retainOnDelete", None)


def _delete_distribution(made: Made) -> None:
    """Disabled first: CloudFront deletes no enabled one."""
    delete_distribution(made.aws, made.outputs["id"])


def delete_distribution(aws: Any, id_: str) -> None:
    """Disable a distribution and delete it."""
    found = aws.call("cloudfront", "GetDistributionConfig", Id=id_)
    off = {**found["DistributionConfig"], "Enabled": False}
    etag = aws.call("cloudfront", "UpdateDistribution", Id=id_, IfMatch=found["ETag"], DistributionConfig=off)["ETag"]
    aws.call("cloudfront", "DeleteDistribution", Id=id_, IfMatch=etag)


# Policies -------------------------------------------------------------------------------------------------------------
def cache_policy_config(given: Given, name: str) -> dict[str, Any]:
    key = given.one("parametersInCacheKeyAndForwardedToOrigin")
    return present(
        Name=name,
        Comment=given.take("comment", None),
        MinTTL=given.take("minTtl", 0),
        DefaultTTL=given.take("defaultTtl", 86_400),  # the provider's defaults
        MaxTTL=given.take("maxTtl", 31_536_000),
        ParametersInCacheKeyAndForwardedToOrigin={
            "EnableAcceptEncodingGzip": key.take("enableAcceptEncodingGzip", False),
            "EnableAcceptEncodingBrotli": key.take("enableAcceptEncodingBrotli", False),
            **_what_is_sent(key),
        },
    )


def origin_request_policy_config(given: Given, name: str) -> dict[str, Any]:
    return present(Name=name, Comment=given.take("comment", None), **_what_is_sent(given))


def _what_is_sent(given: Given) -> dict[str, Any]:
    headers, cookies = given.one("headersConfig"), given.one("cookiesConfig")
    query = given.one("queryStringsConfig")
    return {
        "HeadersConfig": present(HeaderBehavior=headers.take("headerBehavior"), Headers=_names(headers, "headers")),
        "CookiesConfig": present(CookieBehavior=cookies.take("cookieBehavior"), Cookies=_names(cookies, "cookies")),
        "QueryStringsConfig": present(
            QueryStringBehavior=query.take("queryStringBehavior"), QueryStrings=_names(query, "queryStrings")
        ),
    }


def _names(given: Given, name: str) -> dict[str, Any] | None:
    return listed(given.one(name).take("items")) if given.has(name) else None


def response_headers_policy_config(given: Given, name: str) -> dict[str, Any]:
    custom = [
        {"Header": one.take("header"), "Value": one.take("value"), "Override": one.take("override")}
        for one in given.one("customHeadersConfig").many("items")
    ]
    removed = [{"Header": one.take("header")} for one in given.one("removeHeadersConfig").many("items")]
    timing = given.one("serverTimingHeadersConfig") if given.has("serverTimingHeadersConfig") else None
    return present(
        Name=name,
        Comment=given.take("comment", None),
        SecurityHeadersConfig=_security(given.one("securityHeadersConfig")),
        CorsConfig=_cors(given.one("corsConfig")) if given.has("corsConfig") else None,
        CustomHeadersConfig=listed(custom) if custom else None,
        RemoveHeadersConfig=listed(removed) if removed else None,
        ServerTimingHeadersConfig=timing
        and present(Enabled=timing.take("enabled"), SamplingRate=timing.take("samplingRate", None)),
    )


def _security(given: Given) -> dict[str, Any]:
    transport, types, frames, referrer = (
        given.one(name) if given.has(name) else None
        for name in ("strictTransportSecurity", "contentTypeOptions", "frameOptions", "referrerPolicy")
    )
    return present(
        StrictTransportSecurity=transport
        and present(
            Override=transport.take("override"),
            AccessControlMaxAgeSec=transport.take("accessControlMaxAgeSec"),
            IncludeSubdomains=transport.take("includeSubdomains", None),
            Preload=transport.take("preload", None),
        ),
        ContentTypeOptions=types and {"Override": types.take("override")},
        FrameOptions=frames and {"Override": frames.take("override"), "FrameOption": frames.take("frameOption")},
        ReferrerPolicy=referrer
        and {"Override": referrer.take("override"), "ReferrerPolicy": referrer.take("referrerPolicy")},
    )


def _cors(given: Given) -> dict[str, Any]:
    return present(
        AccessControlAllowOrigins=_names(given, "accessControlAllowOrigins"),
        AccessControlAllowMethods=_names(given, "accessControlAllowMethods"),
        AccessControlAllowHeaders=_names(given, "accessControlAllowHeaders"),
        AccessControlExposeHeaders=_names(given, "accessControlExposeHeaders"),
        AccessControlAllowCredentials=given.take("accessControlAllowCredentials"),
        AccessControlMaxAgeSec=given.take("accessControlMaxAgeSec", None),
        OriginOverride=given.take("originOverride"),
    )


def _policy(kind: str, translate: Any) -> Kind:
    """One of the three kinds of policy, whose calls differ in name only."""

    def config(new: New) -> Mapping[str, Any]:
        new.given.take("name", None)
        return {f"{kind}Config": translate(new.given, new.recorded["name"])}

    def create(new: New) -> Outputs:
        made = new.aws.call("cloudfront", f"Create{kind}", **config(new))[kind]
        return {"id": made["Id"], "arn": new.recorded["arn"].replace(new.recorded["id"], made["Id"])}

    def update(new: New, made: Made) -> Outputs:
        id_ = made.outputs["id"]
        etag = new.aws.call("cloudfront", f"Get{kind}", Id=id_)["ETag"]
        new.aws.call("cloudfront", f"Update{kind}", Id=id_, IfMatch=etag, **config(new))
        return made.outputs

    def delete(made: Made) -> None:
        etag = made.aws.call("cloudfront", f"Get{kind}", Id=made.outputs["id"])["ETag"]
        made.aws.call("cloudfront", f"Delete{kind}", Id=made.outputs["id"], IfMatch=etag)

    return Kind(create, update, delete)


# Who reads the bucket -------------------------------------------------------------------------------------------------
def identity_parameters(given: Given, reference: str) -> dict[str, Any]:
    config = {"CallerReference": reference, "Comment": given.take("comment", "")}
    return {"CloudFrontOriginAccessIdentityConfig": config}


def _access_identity(new: New) -> Outputs:
    """The emulator knows identities by name only and makes none: the call is checked, and the recorded id stays."""
    params = identity_parameters(new.given, new.recorded["callerReference"])
    new.aws.validate("cloudfront", "CreateCloudFrontOriginAccessIdentity", params)
    return {"id": new.recorded["id"]}


def _delete_access_identity(made: Made) -> None:
    """There is none to delete."""


def _access_control(new: New) -> Outputs:
    new.given.take("name", None)
    config = present(
        Name=new.recorded["name"],
        Description=new.given.take("description", None),
        OriginAccessControlOriginType=new.given.take("originAccessControlOriginType"),
        SigningBehavior=new.given.take("signingBehavior"),
        SigningProtocol=new.given.take("signingProtocol"),
    )
    made = new.aws.call("cloudfront", "CreateOriginAccessControl", OriginAccessControlConfig=config)
    id_ = made["OriginAccessControl"]["Id"]
    return {"id": id_, "arn": new.recorded["arn"].replace(new.recorded["id"], id_)}


def _delete_access_control(made: Made) -> None:
    etag = made.aws.call("cloudfront", "GetOriginAccessControl", Id=made.outputs["id"])["ETag"]
    made.aws.call("cloudfront", "DeleteOriginAccessControl", Id=made.outputs["id"], IfMatch=etag)


# Functions and metrics ------------------------------------------------------------------------------------------------
def _function(new: New) -> Outputs:
    tags = tag_list(new.given.take("tags", None))
    tagged = present(Tags=tags and {"Items": tags})
    made = new.aws.call("cloudfront", "CreateFunction", **_function_parameters(new), **tagged)
    arn = made["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]
    _publish(new, made["ETag"])
    return {"id": new.name, "name": new.name, "arn": arn}


def _update_function(new: New, made: Made) -> Outputs:
    if tags := tag_list(new.given.take("tags", None)):
        new.aws.call("cloudfront", "TagResource", Resource=made.outputs["arn"], Tags={"Items": tags})
    etag = new.aws.call("cloudfront", "DescribeFunction", Name=new.name, Stage="DEVELOPMENT")["ETag"]
    new.aws.call("cloudfront", "UpdateFunction", IfMatch=etag, **_function_parameters(new))
    _publish(new, new.aws.call("cloudfront", "DescribeFunction", Name=new.name, Stage="DEVELOPMENT")["ETag"])
    return made.outputs


def _function_parameters(new: New) -> dict[str, Any]:
    new.given.take("name", None)
    new.given.take("publish", True)
    config = {"Comment": new.given.take("comment", ""), "Runtime": new.given.take("runtime")}
    return {"Name": new.name, "FunctionConfig": config, "FunctionCode": new.given.take("code").encode()}


def _publish(new: New, etag: str) -> None:
    if new.recorded["inputs"].get("publish", True):
        new.aws.call("cloudfront", "PublishFunction", Name=new.name, IfMatch=etag)


def _delete_function(made: Made) -> None:
    name = made.outputs["name"]
    etag = made.aws.call("cloudfront", "DescribeFunction", Name=name, Stage="DEVELOPMENT")["ETag"]
    made.aws.call("cloudfront", "DeleteFunction", Name=name, IfMatch=etag)


def _monitoring(new: New) -> Outputs:
    distribution = new.given.take("distributionId")
    config = new.given.one("monitoringSubscription").one("realtimeMetricsSubscriptionConfig")
    status = {"RealtimeMetricsSubscriptionStatus": config.take("realtimeMetricsSubscriptionStatus")}
    wanted = {"RealtimeMetricsSubscriptionConfig": status}
    new.aws.call(
        "cloudfront", "CreateMonitoringSubscription", DistributionId=distribution, MonitoringSubscription=wanted
    )
    return {"id": distribution}


def _delete_monitoring(made: Made) -> None:
    made.aws.call("cloudfront", "DeleteMonitoringSubscription", DistributionId=made.outputs["id"])


KINDS = {
    "aws:cloudfront/cachePolicy:CachePolicy": _policy("CachePolicy", cache_policy_config),
    "aws:cloudfront/distribution:Distribution": Kind(_distribution, _update_distribution, _delete_distribution),
    "aws:cloudfront/function:Function": Kind(_function, _update_function, _delete_function, frozenset({"name"})),
    "aws:cloudfront/monitoringSubscription:MonitoringSubscription": put(
        _monitoring, _delete_monitoring, "distributionId"
    ),
    "aws:cloudfront/originAccessControl:OriginAccessControl": Kind(
        _access_control, unchangeable, _delete_access_control
    ),
    "aws:cloudfront/originAccessIdentity:OriginAccessIdentity": put(_access_identity, _delete_access_identity),
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": _policy(
        "OriginRequestPolicy", origin_request_policy_config
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": _policy(
        "ResponseHeadersPolicy", response_headers_policy_config
    ),
}
