"""Functions on Cloud Run: source, size, variables, who they run as, and who reaches them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recorded import Rule

from gcp_rules.graph import FUNCTION, HEADERS, MASTER, OBJECT, PREFIX, RESULTS, SECRET, VERSION, Graph, variables

NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
RUNTIMES = frozenset({"python311", "python312", "python313", "python314"})
MEMORY = re.compile(r"(\d+)(Mi|Gi)")
MEBIBYTES = {"Mi": 1, "Gi": 1024}
MOST_MEMORY: Mapping[float, int] = {1: 4096, 2: 8192, 4: 16_384, 6: 24_576, 8: 32_768}
"""By processors, in MiB (DOCS/run/docs/configuring/services/memory-limits)."""
RESERVED = re.compile(r"PORT|LOG_EXECUTION_ID|(K_|X_GOOGLE_|FUNCTION_|GOOGLE_CLOUD_|CLOUD_RUN_).*")
THREADS_BY_DEFAULT = 4
"""For each processor: functions_framework/_http/gunicorn.py."""


def names_of_functions_are_allowed(graph: Graph) -> Iterator[str]:
    """63 of a-z, 0-9 and ``-``, from a letter on: it is the name of a Cloud Run service. API Function."""
    for one in graph.of(FUNCTION):
        if not NAME.fullmatch(one.outputs["name"]):
            yield one.outputs["name"]


def functions_are_built_from_the_graph(graph: Graph) -> Iterator[str]:
    """From an object of the graph, by a runtime that there is. API BuildConfig, StorageSource."""
    objects = {(one.inputs["bucket"], one.outputs["name"]) for one in graph.of(OBJECT)}
    for one in graph.of(FUNCTION):
        build = one.inputs.get("buildConfig", {})
        source = build.get("source", {}).get("storageSource", {})
        if (source.get("bucket"), source.get("object")) not in objects or build.get("runtime") not in RUNTIMES:
            yield one.name


def sources_have_an_entry_point(graph: Graph) -> Iterator[str]:
    """``main.py`` at the root names it, and ``requirements.txt`` the Functions Framework.
    DOCS/run/docs/write-functions#python."""
    for one in graph.of(FUNCTION):
        build = one.inputs.get("buildConfig", {})
        source = build.get("source", {}).get("storageSource", {})
        for archive in (each for each in graph.of(OBJECT) if each.outputs["name"] == source.get("object")):
            files = archive.inputs.get("source", {}).get("assets", {})
            main, needs = text_of(files.get("main.py")), text_of(files.get("requirements.txt"))
            entry = re.compile(rf"\b{re.escape(build.get('entryPoint', '?'))}\b")
            if not entry.search(main) or "functions-framework" not in needs or not one.inputs["buildConfig"]:
                yield archive.name


def text_of(asset: Mapping[str, Any] | None) -> str:
    """What is in an asset, or nothing."""
    if asset is None:
        return ""
    return asset["text"] if asset.get("text") is not None else Path(asset["path"]).read_text(encoding="utf-8")


def sources_change_their_name_with_their_content(graph: Graph) -> Iterator[str]:
    """A function is built anew when the name of its object is another one, so a name says what is in it.
    MM cloudfunctions2 Function.buildConfig.source."""
    for one in graph.of(FUNCTION):
        name = one.inputs["buildConfig"].get("source", {}).get("storageSource", {}).get("object", "")
        if not re.search("[0-9a-f]{16}", name):
            yield f"{one.name}: {name}"


def functions_are_within_limits(graph: Graph) -> Iterator[str]:
    """An hour; 1000 requests at once in an instance; as much memory as its processors take; no more instances kept than
    there may be. DOCS/run/quotas; DOCS/run/docs/configuring/services/memory-limits."""
    for one in graph.of(FUNCTION):
        config = one.inputs.get("serviceConfig", {})
        memory = MEMORY.fullmatch(config.get("availableMemory", "256Mi"))
        mebibytes = int(memory[1]) * MEBIBYTES[memory[2]] if memory else 0
        least, most = config.get("minInstanceCount", 0), config.get("maxInstanceCount", 100)
        if (
            not 1 <= config.get("timeoutSeconds", 60) <= 3600
            or not 1 <= config.get("maxInstanceRequestConcurrency", 1) <= 1000
            or not 128 <= mebibytes <= MOST_MEMORY.get(float(config.get("availableCpu", "1")), 4096)
            or not 0 <= least <= most
            or most < 1
        ):
            yield one.name


def instances_work_on_many_with_a_processor_of_their_own(graph: Graph) -> Iterator[str]:
    """Less than one processor works on one request at a time, and the Functions Framework has as many threads as
    ``THREADS`` says, 4 unless it does: more requests would wait inside of it. DOCS/run/docs/configuring/concurrency."""
    for one in graph.of(FUNCTION):
        config = one.inputs.get("serviceConfig", {})
        many = config.get("maxInstanceRequestConcurrency", 1)
        threads = int(variables(one).get("THREADS", THREADS_BY_DEFAULT))
        if many > 1 and (float(config.get("availableCpu", "0.1")) < 1 or threads < many):
            yield one.name


def variables_are_not_reserved(graph: Graph) -> Iterator[str]:
    """Neither Cloud Run's own nor the framework's; 32 KiB together.
    DOCS/run/docs/configuring/services/overview-environment-variables."""
    for one in graph.of(FUNCTION):
        size = sum(len(name.encode()) + len(value.encode()) for name, value in variables(one).items())
        yield from (f"{one.name}: {name}" for name in variables(one) if RESERVED.fullmatch(name))
        if size > 32 * 1024:
            yield f"{one.name}: {size} bytes"


def functions_run_as_an_account_of_their_own(graph: Graph) -> Iterator[str]:
    """Without one it is the project's default account, which may be an editor of everything.
    DOCS/run/docs/securing/service-identity."""
    taken = [None if (account := graph.account(one)) is None else account.urn for one in graph.of(FUNCTION)]
    for one, account in zip(graph.of(FUNCTION), taken, strict=True):
        if account is None or taken.count(account) > 1:
            yield one.name


def functions_wait_for_what_they_may(graph: Graph) -> Iterator[str]:
    """One that starts before it may read its secrets is not set up. DOCS/iam/docs/access-change-propagation."""
    for one in graph.of(FUNCTION):
        for grant in graph.grants_to(graph.account(one)):
            if grant.resource.urn not in one.options.depends_on:
                yield f"{one.name}: {grant.resource.name}"


def functions_find_what_their_variables_name(graph: Graph) -> Iterator[str]:
    """A bucket that they may read and write, secrets with a version that they may read, headers by that very version.
    DOCS/secret-manager/docs/access-secret-version."""
    secrets = {one.id for one in graph.of(SECRET)}
    versions = {version.id for version in graph.of(VERSION) if version.inputs["secret"] in secrets}
    filled = {version.inputs["secret"] for version in graph.of(VERSION)}
    for one in graph.of(FUNCTION):
        may = {(grant.what, grant.role) for grant in graph.grants_to(graph.account(one))}
        given = {name.removeprefix(PREFIX): value for name, value in variables(one).items() if name.startswith(PREFIX)}
        bucket = given.get(RESULTS, "").removeprefix("gs://")
        if (bucket, "roles/storage.objectUser") not in may:
            yield f"{one.name} may not write to {bucket!r}"
        for name in (MASTER, HEADERS):
            secret, _, version = given.get(name, "").removeprefix("gcp:").partition("/versions/")
            there = secret in filled if version == "latest" else f"{secret}/versions/{version}" in versions
            latest = version == "latest"
            if name in given and not (
                there and latest == (name == MASTER) and (secret, "roles/secretmanager.secretAccessor") in may
            ):
                yield f"{one.name} may not read {name}"


def functions_may_ask_their_model(graph: Graph) -> Iterator[str]:
    """``aiplatform.endpoints.predict`` on it, where it is one of Vertex AI, and elsewhere nothing.
    DOCS/vertex-ai/docs/general/access-control."""
    for one in graph.of(FUNCTION):
        model = json.loads(variables(one).get(f"{PREFIX}MODEL", "{}"))
        roles = {each.id: each.inputs["permissions"] for each in graph.of("projects/iAMCustomRole:IAMCustomRole")}
        may = [grant for grant in graph.grants_to(graph.account(one)) if "predict" in str(roles.get(grant.role))]
        endpoint = model.get("vertex", {}).get("endpoint", "")
        published = endpoint.startswith("publishers/")
        if endpoint and not any(grant.what == (None if published else endpoint) for grant in may):
            yield f"{one.name} may not ask {endpoint}"
        if not endpoint and may:
            yield f"{one.name} may ask what it does not"


def answers_come_before_cloud_run_gives_up(graph: Graph) -> Iterator[str]:
    """The gateway's own time is the shorter one: then it is the gateway that says why. DOCS/run/docs/configuring/
    request-timeout."""
    for one in graph.of(FUNCTION):
        own = float(variables(one).get(f"{PREFIX}TIMEOUT", "300"))
        if own >= one.inputs.get("serviceConfig", {}).get("timeoutSeconds", 60):
            yield f"{one.name}: {own}"


def functions_behind_an_origin_are_reached(graph: Graph) -> Iterator[str]:
    """Media CDN comes from outside, and shows no identity: all may reach it, and IAM lets all in.
    DOCS/run/docs/securing/ingress; DOCS/run/docs/authenticating/public."""
    for one in graph.of(FUNCTION):
        ingress = one.inputs.get("serviceConfig", {}).get("ingressSettings", "ALLOW_ALL")
        let_in = [
            each.role for each in graph.grants() if each.member == "allUsers" and each.what == one.outputs["name"]
        ]
        if graph.origins_of(one) and (ingress != "ALLOW_ALL" or let_in != ["roles/run.invoker"]):
            yield one.name


def functions_that_all_can_reach_know_the_edge(graph: Graph) -> Iterator[str]:
    """Where callers have keys, Media CDN proves itself by a header that only the two of them know.
    DOCS/media-cdn/docs/origins."""
    header = "x-inference-edge-cache-origin"
    for one in graph.of(FUNCTION):
        proves = variables(one).get(f"{PREFIX}ORIGIN_PROOF") == "master"
        keyed = f"{PREFIX}MASTER_SOURCE" in variables(one)
        for origin in graph.origins_of(one):
            action = origin.inputs.get("originOverrideAction", {}).get("headerAction", {})
            names = [each["headerName"].lower() for each in action.get("requestHeadersToAdds", [])]
            if proves != keyed or (header in names) != keyed:
                yield origin.name


RULES: tuple[Rule, ...] = (
    names_of_functions_are_allowed,
    functions_are_built_from_the_graph,
    sources_have_an_entry_point,
    sources_change_their_name_with_their_content,
    functions_are_within_limits,
    instances_work_on_many_with_a_processor_of_their_own,
    variables_are_not_reserved,
    functions_run_as_an_account_of_their_own,
    functions_wait_for_what_they_may,
    functions_find_what_their_variables_name,
    functions_may_ask_their_model,
    answers_come_before_cloud_run_gives_up,
    functions_behind_an_origin_are_reached,
    functions_that_all_can_reach_know_the_edge,
)
