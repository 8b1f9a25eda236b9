"""APIs of the project, labels, and that every resource is of a kind that is looked at."""

import re
from collections.abc import Iterator, Mapping

from recorded import Rule

from gcp_rules.graph import (
    ACCOUNT,
    BUCKET,
    CUSTOM_ROLE,
    DASHBOARD,
    FUNCTION,
    GRANTED_ON,
    KEYSET,
    METRIC,
    OBJECT,
    ORIGIN,
    SECRET,
    SERVICE,
    VERSION,
    Graph,
)

API = "projects/service:Service"
KNOWN = frozenset({ACCOUNT, API, BUCKET, CUSTOM_ROLE, FUNCTION, KEYSET, OBJECT, ORIGIN, SECRET, SERVICE, VERSION})
KNOWN |= {DASHBOARD, METRIC} | GRANTED_ON.keys()
APIS: Mapping[str, frozenset[str]] = {
    "cloudfunctionsv2": frozenset({"artifactregistry", "cloudbuild", "cloudfunctions", "run"}),
    "cloudrunv2": frozenset({"run"}),
    "logging": frozenset({"logging"}),
    "monitoring": frozenset({"monitoring"}),
    "networkservices": frozenset({"networkservices"}),
    "projects/iAMCustomRole": frozenset({"iam"}),
    "projects/iAMMember": frozenset({"cloudresourcemanager"}),
    "secretmanager": frozenset({"secretmanager"}),
    "serviceaccount": frozenset({"iam"}),
    "storage": frozenset({"storage"}),
    "vertex": frozenset({"aiplatform"}),
}
"""By the beginning of a type, what is called. A function is built as an image before it runs
(DOCS/functions/docs/deploy)."""
LABEL_KEY, LABEL_VALUE = re.compile(r"[a-z][a-z0-9_-]{0,62}"), re.compile(r"[a-z0-9_-]{0,63}")


def resources_are_of_known_kinds(graph: Graph) -> Iterator[str]:
    """What no rule reads would be deployed unseen."""
    yield from (f"{one.name}: {one.type}" for one in graph.resources if one.type.removeprefix("gcp:") not in KNOWN)


def apis_are_enabled_before_they_are_called(graph: Graph) -> Iterator[str]:
    """All that are needed or none: ``SERVICE_DISABLED``. DOCS/service-usage/docs/enable-disable."""
    enabled = {one.inputs["service"].removesuffix(".googleapis.com"): one.urn for one in graph.of(API)}
    for one in graph.resources if enabled else []:
        needed = {api for start, apis in APIS.items() if one.type.startswith(f"gcp:{start}") for api in apis}
        yield from (f"{one.name}: {api}" for api in sorted(needed) if enabled.get(api) not in one.options.depends_on)


def apis_stay_enabled(graph: Graph) -> Iterator[str]:
    """They are the project's, and others use them by then; each is there once. MM projectService.disableOnDestroy."""
    names = [one.inputs["service"] for one in graph.of(API)]
    for one in graph.of(API):
        known = re.fullmatch(r"[a-z]+\.googleapis\.com", one.inputs["service"])
        if one.inputs.get("disableOnDestroy") is not False or not known or names.count(one.inputs["service"]) > 1:
            yield one.name


def labels_are_allowed(graph: Graph) -> Iterator[str]:
    """64 of them; a-z, 0-9, ``_`` and ``-``; 63 characters. DOCS/resource-manager/docs/creating-managing-labels."""
    for one in graph.resources:
        labels = one.inputs.get("labels", {})
        allowed = all(LABEL_KEY.fullmatch(key) and LABEL_VALUE.fullmatch(value) for key, value in labels.items())
        if len(labels) > 64 or not allowed:
            yield one.name


RULES: tuple[Rule, ...] = (
    resources_are_of_known_kinds,
    apis_are_enabled_before_they_are_called,
    apis_stay_enabled,
    labels_are_allowed,
)
