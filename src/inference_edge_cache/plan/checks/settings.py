"""What holds for a cache as a whole: names, certificates, countries, web pages, logs, tags."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from inference_edge_cache import capabilities as caps
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import Problem
from inference_edge_cache.plan.checks.headers import header_names
from inference_edge_cache.plan.labels import label_key

# https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html; what Google takes is made of it.
_TAG_KEY = re.compile(r"[\w +\-=.:/@]{1,128}")
_TAG_VALUE = re.compile(r"[\w +\-=.:/@]{0,256}")


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
    for field in ("allow_methods", "allow_headers"):
        if cors.get(field) == []:
            problems.append(Problem.at(f"cors.{field}", [], "is empty", "leave it out for the default"))
    if "*" in origins and len(origins) > 1:
        problems.append(Problem.at("cors.allow_origins", origins, "names * and others", "keep one or the others"))
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
        if not _TAG_KEY.fullmatch(key) or key.lower().startswith("aws:"):
            limit = "must be 1 to 128 letters, digits, spaces and + - = . _ : / @, and not start with aws:"
            problems.append(Problem.at(path, "", limit, "rename it"))
        elif cloud is Cloud.GCP and labels.setdefault(label_key(key), key) != key:
            problems.append(
                Problem.at(path, "", f"becomes the same label as {labels[label_key(key)]!r}", "rename one of them")
            )
    return problems


def tag_value(value: str, path: str) -> list[Problem]:
    """A value that AWS takes; GCP takes what becomes of it."""
    if _TAG_VALUE.fullmatch(value):
        return []
    limit = "must be at most 256 letters, digits, spaces and + - = . _ : / @"
    return [Problem.at(path, value, limit, "shorten it, or leave the other characters out")]
