"""Buckets of Cloud Storage, what is put into them, and what they forget."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recorded import Rule

from gcp_rules.graph import BUCKET, OBJECT, Graph

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]")
ACLS = re.compile(r"gcp:storage/(bucketACL|bucketAccessControl|default|objectACL|objectAccessControl)")
ACTIONS = frozenset({"Delete", "SetStorageClass", "AbortIncompleteMultipartUpload"})
CLASSES = frozenset({"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"})
OF_UPLOADS = frozenset({"age", "matchesPrefixes", "matchesSuffixes"})
OF_OLD_VERSIONS = frozenset({"daysSinceNoncurrentTime", "noncurrentTimeBefore", "numNewerVersions"})
WRITERS = frozenset({"roles/storage.objectUser", "roles/storage.objectCreator", "roles/storage.objectAdmin"})
RETENTION_DAYS = (7, 90)


def buckets_are_private(graph: Graph) -> Iterator[str]:
    """Uniform access, and public access prevention enforced. DOCS/storage/docs/public-access-prevention."""
    for one in graph.of(BUCKET):
        uniform = one.inputs.get("uniformBucketLevelAccess") is True
        if not uniform or one.inputs.get("publicAccessPrevention") != "enforced":
            yield one.name


def there_are_no_acls(graph: Graph) -> Iterator[str]:
    """Uniform access ignores them: ``Cannot use ACL API``. DOCS/storage/docs/uniform-bucket-level-access."""
    yield from (one.name for one in graph.resources if ACLS.match(one.type))


def names_of_buckets_are_allowed(graph: Graph) -> Iterator[str]:
    """3 to 63 of a-z, 0-9, ``-`` and ``_``, without Google's own name: a dot would make it a domain that has to be
    verified. DOCS/storage/docs/buckets#naming."""
    for one in graph.of(BUCKET):
        name = one.outputs["name"]
        if not NAME.fullmatch(name) or name.startswith("goog") or "google" in name:
            yield name


def deleted_objects_are_kept_for_days_or_not_at_all(graph: Graph) -> Iterator[str]:
    """0, or 7 to 90 days. DOCS/storage/docs/soft-delete."""
    least, most = (days * 86_400 for days in RETENTION_DAYS)
    for one in graph.of(BUCKET):
        kept = one.inputs.get("softDeletePolicy", {}).get("retentionDurationSeconds", least)
        if kept != 0 and not least <= kept <= most:
            yield f"{one.name}: {kept}"


def rules_of_a_lifecycle_are_complete(graph: Graph) -> Iterator[str]:
    """At most 100; a known action, with a class where it sets one; one condition or more, that the action can have; an
    age of 0 is not sent, and would be all objects. API Bucket.lifecycle; DOCS/storage/docs/lifecycle."""
    for one in graph.of(BUCKET):
        rules = one.inputs.get("lifecycleRules", [])
        if len(rules) > 100:
            yield f"{one.name} has {len(rules)} rules"
        for index, rule in enumerate(rules):
            action, condition = rule.get("action", {}), rule.get("condition", {})
            kind = action.get("type")
            classed = (kind == "SetStorageClass") == (action.get("storageClass") in CLASSES)
            uploads = kind != "AbortIncompleteMultipartUpload" or condition.keys() <= OF_UPLOADS
            days = [value for name, value in condition.items() if name == "age" or name.startswith("daysSince")]
            state = condition.get("withState", "ANY") in ("ANY", "LIVE", "ARCHIVED")
            if (
                kind not in ACTIONS
                or not classed
                or not uploads
                or not condition
                or not all(isinstance(value, int) and value > 0 for value in days)
                or not state
                or condition.get("matchesPrefixes") == []
            ):
                yield f"{one.name} rule {index}"


def rules_of_a_lifecycle_do_not_contradict_each_other(graph: Graph) -> Iterator[str]:
    """What a rule for the same objects deletes earlier, no other can delete later. DOCS/storage/docs/lifecycle."""
    for one in graph.of(BUCKET):
        aged = [rule for rule in one.inputs.get("lifecycleRules", []) if _deletes_by_age(rule)]
        for later in aged:
            for sooner in aged:
                days = sooner["condition"]["age"] < later["condition"]["age"]
                if days and any(name.startswith(start) for name in _prefixes(later) for start in _prefixes(sooner)):
                    yield f"{one.name}: {later['condition']}"


def _deletes_by_age(rule: Mapping[str, Any]) -> bool:
    plain = rule["condition"].keys() <= {"age", "matchesPrefixes", "withState"}
    counts = rule["condition"].get("withState", "ANY") != "ARCHIVED" and "age" in rule["condition"]
    return rule["action"]["type"] == "Delete" and plain and counts


def _prefixes(rule: Mapping[str, Any]) -> Sequence[str]:
    return rule["condition"].get("matchesPrefixes", [""])


def a_lifecycle_speaks_of_versions_where_there_are_some(graph: Graph) -> Iterator[str]:
    """Old versions are of a versioned bucket; and there they are deleted at some time, or it grows with every change.
    DOCS/storage/docs/object-versioning."""
    for one in graph.of(BUCKET):
        versioned = one.inputs.get("versioning", {}).get("enabled") is True
        rules = [
            rule["condition"] for rule in one.inputs.get("lifecycleRules", []) if rule["action"]["type"] == "Delete"
        ]
        old = [each for each in rules if OF_OLD_VERSIONS & each.keys() or each.get("withState") == "ARCHIVED"]
        if versioned != bool(old):
            yield one.name


def retention_and_lifecycle_agree(graph: Graph) -> Iterator[str]:
    """What must be kept for longer than a rule lets it live is never deleted. DOCS/storage/docs/bucket-lock."""
    for one in graph.of(BUCKET):
        kept = int(one.inputs.get("retentionPolicy", {}).get("retentionPeriod", 0))
        ages = [rule["condition"]["age"] for rule in one.inputs.get("lifecycleRules", []) if _deletes_by_age(rule)]
        if any(age * 86_400 < kept for age in ages):
            yield one.name


def what_a_program_writes_is_forgotten(graph: Graph) -> Iterator[str]:
    """A bucket that an account writes to has no versions, keeps nothing deleted, and deletes by age: else every result
    that was replaced is paid for. DOCS/storage/docs/soft-delete#billing."""
    written = {grant.what for grant in graph.grants() if grant.role in WRITERS}
    for one in graph.of(BUCKET):
        versions = one.inputs.get("versioning", {}).get("enabled")
        deleted = one.inputs.get("softDeletePolicy", {}).get("retentionDurationSeconds")
        aged = any(_deletes_by_age(rule) for rule in one.inputs.get("lifecycleRules", []))
        if one.outputs["name"] in written and (versions or deleted != 0 or not aged):
            yield one.name


def objects_are_in_buckets_of_the_graph(graph: Graph) -> Iterator[str]:
    """A bucket, a name that a URL can hold, and either a content or a source. MM storage bucketObject;
    DOCS/storage/docs/objects#naming."""
    buckets = {one.id for one in graph.of(BUCKET)}
    for one in graph.of(OBJECT):
        name = one.inputs.get("name", one.name)
        named = 1 <= len(name.encode()) <= 1024 and not re.search(r"[\r\n]", name) and name not in (".", "..")
        if one.inputs["bucket"] not in buckets or not named or ("content" in one.inputs) == ("source" in one.inputs):
            yield one.name


def objects_of_the_graph_are_not_forgotten(graph: Graph) -> Iterator[str]:
    """What a lifecycle deletes is there again with the next deployment, and not before. DOCS/storage/docs/lifecycle."""
    rules = {one.id: one.inputs.get("lifecycleRules", []) for one in graph.of(BUCKET)}
    for one in graph.of(OBJECT):
        aged = [rule for rule in rules.get(one.inputs["bucket"], []) if _deletes_by_age(rule)]
        if any(one.inputs["name"].startswith(start) for rule in aged for start in _prefixes(rule)):
            yield one.name


def documents_are_served_as_what_they_are(graph: Graph) -> Iterator[str]:
    """What a program puts there as text has a type, and says how long it counts: Cloud Storage itself would say an
    hour. DOCS/storage/docs/metadata#cache-control."""
    for one in graph.of(OBJECT):
        if "content" in one.inputs and not {"contentType", "cacheControl"} <= one.inputs.keys():
            yield one.name


RULES: tuple[Rule, ...] = (
    buckets_are_private,
    there_are_no_acls,
    names_of_buckets_are_allowed,
    deleted_objects_are_kept_for_days_or_not_at_all,
    rules_of_a_lifecycle_are_complete,
    rules_of_a_lifecycle_do_not_contradict_each_other,
    a_lifecycle_speaks_of_versions_where_there_are_some,
    retention_and_lifecycle_agree,
    what_a_program_writes_is_forgotten,
    objects_are_in_buckets_of_the_graph,
    objects_of_the_graph_are_not_forgotten,
    documents_are_served_as_what_they_are,
)
