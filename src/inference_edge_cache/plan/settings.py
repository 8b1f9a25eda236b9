"""What holds for a cache as a whole: its name, bucket, domain, web pages, countries, logs, shield, tags, overrides."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulumi

from inference_edge_cache import capabilities as caps
from inference_edge_cache.args import BucketAccess, RouteTarget
from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.errors import Problem
from inference_edge_cache.plan.checks.identifiers import identifier
from inference_edge_cache.plan.checks.origins import readable_bucket, untouched_bucket
from inference_edge_cache.plan.checks.settings import (
    cors_on_media_cdn,
    cors_rules,
    country_lists,
    host_names,
    log_settings,
    shield_region,
    tag_names,
    tag_value,
)
from inference_edge_cache.plan.checks.uses import Use
from inference_edge_cache.plan.children import CHILDREN
from inference_edge_cache.plan.draft import Draft
from inference_edge_cache.plan.model import BucketPlan, CorsPlan, DomainPlan, GeoPlan, LoggingPlan
from inference_edge_cache.plan.routes import GivenRoute

LONGEST_NAME = 40  # Media CDN names end at 64 characters: 17 for the longest suffix, 7 for what Pulumi adds


def check_name(draft: Draft, *, inference: bool = False) -> None:
    if not re.fullmatch(rf"[A-Za-z][A-Za-z0-9-]{{0,{LONGEST_NAME - 1}}}", draft.name):
        limit = f"must be 1 to {LONGEST_NAME} letters, digits and hyphens, starting with a letter"
        draft.problems.append(Problem.at("name", draft.name, limit, 'name it as in "embeddings"'))
    bucket = inference or ("bucket" in draft.args and "name" not in draft.args["bucket"])
    if draft.cloud is Cloud.GCP and bucket and not _names_a_bucket(draft.name):
        limit = "must be in lower case and without Google's name: buckets are called after it"
        draft.problems.append(Problem.at("name", draft.name, limit, 'name it as in "embeddings"', kind="unsupported"))


def _names_a_bucket(name: str) -> bool:
    """cloud.google.com/storage/docs/buckets#naming. Pulumi takes the name as it is (pulumi/pulumi-gcp#2164)."""
    return name == name.lower() and not name.startswith("goog") and "google" not in name


def check_groups(draft: Draft, *, inference: bool = False) -> None:
    if "bucket" not in draft.args and not inference and "bucket_access" in draft.args.get("aws", {}):
        limit, remedy = "there is no bucket to read", 'remove it, or add "bucket": {} to the arguments'
        draft.problems.append(Problem("aws.bucket_access", "", limit, remedy))
    for group in ("aws", "gcp"):
        if group in draft.args:
            draft.uses.append(Use(group, group, ", ".join(draft.args[group])))


def plan_bucket(draft: Draft, routes: Sequence[GivenRoute], access: BucketAccess) -> BucketPlan | None:
    given = draft.args.get("bucket")
    if given is None:
        return None
    draft.problems.extend(readable_bucket(given, access, draft.cloud))
    draft.problems.extend(untouched_bucket(given, draft.cloud))
    if "region" in given:
        draft.problems.extend(identifier(given["region"], "bucket.region", "bucket.region", draft.cloud))
    draft.uses.extend([Use(f"bucket.{key}", f"bucket.{key}") for key in ("kms_key", "region") if key in given])
    days = given.get("retention_days")
    if days is not None and days < 1:
        draft.problems.append(
            Problem.at("bucket.retention_days", days, "must be at least 1", "leave it out to keep objects for ever")
        )
    return BucketPlan(
        existing=draft.identifier(given, "name", "bucket"),
        paths=tuple(route.path for route in routes if route.target is RouteTarget.BUCKET),
        retention_days=days,
        region=given.get("region"),
        kms_key=draft.identifier(given, "kms_key", "bucket"),
        force_destroy=given.get("force_destroy", False),
    )


def plan_custom_domain(draft: Draft) -> DomainPlan | None:
    given = draft.args.get("custom_domain")
    if given is None:
        draft.uses.append(Use("no_custom_domain", ""))
        return None
    if not {"names", "certificate"} <= given.keys():
        return None
    names = given["names"]
    draft.problems.extend(host_names(names, "custom_domain.names"))
    draft.uses.append(Use("custom_domain.names", "custom_domain.names", f"{len(names)} names", len(names)))
    certificate = draft.identifier(given, "certificate", "custom_domain")
    assert certificate is not None
    return DomainPlan(tuple(name.lower() for name in names), certificate)


def plan_cors(draft: Draft) -> CorsPlan | None:
    given = draft.args.get("cors")
    if given is None or "allow_origins" not in given:
        return None
    draft.problems.extend(cors_rules(given))
    draft.problems.extend(cors_on_media_cdn(given, draft.cloud))
    cors = CorsPlan(
        allow_origins=tuple(given["allow_origins"]),
        allow_methods=tuple(given.get("allow_methods", caps.READ_METHODS_AND_OPTIONS)),
        allow_headers=tuple(given.get("allow_headers", ["content-type"])),
        expose_headers=tuple(given.get("expose_headers", [])),
        max_age=given.get("max_age", 600),
        allow_credentials=given.get("allow_credentials", False),
    )
    draft.uses.append(Use("cors", "cors"))
    draft.uses.append(Use("cors.max_age", "cors.max_age", cors.max_age, cors.max_age))
    draft.uses.extend(
        [
            Use("cors.list", f"cors.{key}", f"{len(getattr(cors, key))} entries", len(getattr(cors, key)))
            for key in ("allow_origins", "allow_headers", "expose_headers")
        ]
    )
    return cors


def plan_geo(draft: Draft) -> GeoPlan | None:
    given = draft.args.get("geo")
    if given is None:
        return None
    draft.uses.append(Use("geo", "geo", ", ".join(given)))
    problems = country_lists(given)
    draft.problems.extend(problems)
    if problems:
        return None
    ((name, countries),) = given.items()
    return GeoPlan(allows=name == "allow", countries=tuple(sorted(countries)))


def plan_logging(draft: Draft) -> LoggingPlan | None:
    given = draft.args.get("logging")
    if given is None:
        return None
    draft.problems.extend(log_settings(given, draft.cloud))
    draft.uses.extend([Use(f"logging.{key}", f"logging.{key}", given[key]) for key in given])
    return LoggingPlan(draft.identifier(given, "destination", "logging"), given.get("sample_rate", 1.0))


def plan_origin_shield(draft: Draft) -> str | None:
    region = draft.args.get("origin_shield")
    if region is not None:
        draft.problems.extend(shield_region(region, draft.cloud))
        draft.uses.append(Use("origin_shield", "origin_shield", region))
    return region


def plan_tags(draft: Draft) -> tuple[tuple[str, pulumi.Input[str]], ...]:
    tags = draft.args.get("tags", {})
    draft.problems.extend(tag_names(tags, draft.cloud))
    tags = {key: draft.checked(value, _tag_rule(key)) for key, value in tags.items()}
    draft.uses.append(Use("tags", "tags", f"{len(tags)} tags", len(tags)))
    return tuple(sorted(tags.items(), key=lambda item: item[0]))


def _tag_rule(key: str) -> Callable[[str], list[Problem]]:
    return lambda value: tag_value(value, f'tags["{key}"]')


def plan_overrides(draft: Draft) -> Mapping[str, Any]:
    overrides = draft.args.get("overrides", {})
    children = CHILDREN[draft.cloud]
    for child, value in overrides.items():
        if child not in children:
            known = f"use one of {', '.join(children)}"
            draft.problems.append(Problem(f"overrides.{child}", "", "is not made on this cloud", known))
        elif not isinstance(value, Mapping):
            draft.problems.append(
                Problem(f"overrides.{child}", "", "must be a dict of the resource's arguments", "pass a dict")
            )
    return overrides
