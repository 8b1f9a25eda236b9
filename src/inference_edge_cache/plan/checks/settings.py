"""What holds for a cache as a whole: names, certificates, countries, web pages, logs, tags."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from inference_edge_cache import capabilities as caps
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import Problem
from inference_edge_cache.plan.checks.headers import header_names
from inference_edge_cache.plan.labels import label_key


def host_names(names: Sequence[str], path: str) -> list[Problem]:
    """Host names, once each, with at most a leading ``*.``."""
    if not names:
        return [Problem.at(path, names, "is empty", "name at least one host")]
    problems = [
        Problem.at(f"{path}[{index}]", name, "is not a host name", 'write it as in "cache.example.com"')
        for index, name in enumerate(names)
        if not re.fullmatch(r"(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}", name)
    ]
    lowered = [name.lower() for name in names]
    problems += [
        Problem.at(f"{path}[{index}]", name, "is named twice", "keep one of them")
        for index, name in enumerate(lowered)
        if name in lowered[:index]
    ]
    if names[0].startswith("*."):
        problems.append(
            Problem.at(f"{path}[0]", names[0], "cannot be the address of the cache", "put a name without * first")
        )
    return problems


def certificate_id(certificate: str, path: str, cloud: Cloud) -> list[Problem]:
    """A certificate that the cloud can use for its edge."""
    if cloud is Cloud.AWS and not re.fullmatch(
        r"arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[\w-]+", certificate
    ):
        return [
            Problem.at(
                path,
                certificate,
                "CloudFront takes the ARN of an ACM certificate in us-east-1",
                'make it with aws.acm.Certificate(..., region="us-east-1") and pass its arn',
            )
        ]
    if cloud is Cloud.GCP and certificate.startswith("arn:"):
        return [
            Problem.at(
                path, certificate, "is not a Certificate Manager id", "pass the id of a certificate of scope EDGE_CACHE"
            )
        ]
    return []


def country_lists(geo: Mapping[str, Any]) -> list[Problem]:
    """One list of two-letter codes."""
    if len(geo) != 1:
        return [Problem.at("geo", ", ".join(sorted(geo)), "takes one of allow and deny", "keep one of them")]
    ((name, codes),) = geo.items()
    problems = [
        Problem.at(f"geo.{name}[{index}]", code, "is not an ISO 3166-1 alpha-2 country code", 'write it as in "DE"')
        for index, code in enumerate(codes)
        if not re.fullmatch(r"[A-Z]{2}", code)
    ]
    return problems or ([] if codes else [Problem.at(f"geo.{name}", codes, "is empty", "name at least one country")])


def cors_rules(cors: Mapping[str, Any]) -> list[Problem]:
    """Origins that a browser could send, and no credentials for everybody."""
    origins = cors["allow_origins"]
    problems = [
        Problem.at(f"cors.allow_origins[{i}]", origin, "is not an origin", 'write it as in "https://app.example.com"')
        for i, origin in enumerate(origins)
        if origin != "*" and not re.fullmatch(r"https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]+)?", origin)
    ]
    if not origins:
        problems.append(Problem.at("cors.allow_origins", origins, "is empty", 'name at least one origin, or "*"'))
    starred = [name for name in ("allow_origins", "allow_headers") if "*" in cors.get(name, [])]
    if starred and cors.get("allow_credentials"):
        limit = f"browsers refuse it together with * in {' and '.join(starred)}"
        problems.append(Problem.at("cors.allow_credentials", True, limit, "list them by name"))
    unknown = [method for method in cors.get("allow_methods", []) if method not in caps.ALL_METHODS]
    if unknown:
        problems.append(
            Problem.at("cors.allow_methods", unknown, "are not methods", f"use {', '.join(caps.ALL_METHODS)}")
        )
    for field in ("allow_headers", "expose_headers"):
        problems += header_names(cors.get(field, []), f"cors.{field}")
    return problems


def cors_on_media_cdn(cors: Mapping[str, Any], cloud: Cloud) -> list[Problem]:
    """Media CDN compares origins letter by letter, and takes fewer methods than there are."""
    if cloud is not Cloud.GCP:
        return []
    problems = [
        Problem.at(
            f"cors.allow_origins[{index}]",
            origin,
            "Media CDN knows no wildcard within an origin",
            'list the origins, or use "*"',
            kind="unsupported",
        )
        for index, origin in enumerate(cors["allow_origins"])
        if "*" in origin and origin != "*"
    ]
    methods = cors.get("allow_methods", [])
    if len(methods) > caps.GCP_CORS_METHODS_MAX:
        limit = f"Media CDN takes at most {caps.GCP_CORS_METHODS_MAX} methods"
        problems.append(Problem.at("cors.allow_methods", methods, limit, "name fewer"))
    return problems


def shield_region(region: str, cloud: Cloud) -> list[Problem]:
    """A region that can stand in front of the endpoint."""
    if cloud is Cloud.AWS and region not in caps.AWS_SHIELD_REGIONS:
        known = ", ".join(sorted(caps.AWS_SHIELD_REGIONS))
        return [Problem.at("origin_shield", region, "is not an Origin Shield region", f"use the nearest of {known}")]
    if cloud is Cloud.GCP and not re.fullmatch(r"[A-Z]+_[A-Z]+[0-9]+", region.upper().replace("-", "_")):
        return [Problem.at("origin_shield", region, "is not a Google Cloud region", 'write it as in "europe-west3"')]
    return []


def log_settings(logging: Mapping[str, Any], cloud: Cloud) -> list[Problem]:
    """CloudFront needs to know where logs go; a share is above 0 up to 1."""
    problems = []
    if cloud is Cloud.AWS and "destination" not in logging:
        problems.append(
            Problem(
                "logging.destination",
                "",
                "is required on AWS",
                "pass the ARN of a log group, S3 bucket or Firehose stream",
            )
        )
    destination = logging.get("destination")
    if cloud is Cloud.AWS and isinstance(destination, str) and not destination.startswith("arn:"):
        problems.append(
            Problem.at("logging.destination", destination, "is not an ARN", "pass the ARN of the destination")
        )
    rate = logging.get("sample_rate", 1.0)
    if not 0 < rate <= 1:
        problems.append(
            Problem.at("logging.sample_rate", rate, "must be above 0 and at most 1", "leave out logging to log nothing")
        )
    return problems


def tag_names(tags: Mapping[str, Any], cloud: Cloud) -> list[Problem]:
    """Tag keys that are allowed and stay apart when they become labels."""
    problems = []
    labels: dict[str, str] = {}
    for key in tags:
        path = f'tags["{key}"]'
        if not key or len(key) > 128 or key.lower().startswith("aws:"):
            problems.append(Problem.at(path, "", "must be 1 to 128 characters and not start with aws:", "rename it"))
        elif cloud is Cloud.GCP and labels.setdefault(label_key(key), key) != key:
            problems.append(
                Problem.at(path, "", f"becomes the same label as {labels[label_key(key)]!r}", "rename one of them")
            )
    return problems
