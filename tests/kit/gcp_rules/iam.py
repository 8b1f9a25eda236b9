"""Who may do what: grants, roles, accounts."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from recorded import Rule

from gcp_rules.graph import (
    ACCOUNT,
    BUCKET,
    CUSTOM_ROLE,
    FUNCTION,
    GRANTED_ON,
    SECRET,
    Graph,
    variables,
)

EVERYBODY = frozenset({"allUsers", "allAuthenticatedUsers"})
OPEN: Mapping[tuple[str, str, str], str] = {
    ("cloudrunv2/serviceIamMember:ServiceIamMember", "roles/run.invoker", "allUsers"): (
        "Cloud Run knows callers by ID tokens of Google's, and Media CDN cannot make one; a function has no switch "
        "that turns the check off. So Media CDN is let in with everybody, and proves itself to the gateway by a header"
    ),
}
"""Grants to everybody that there may be, and why. The service has to be one that an origin leads to."""
PROJECT_WIDE: Mapping[str, str] = {
    "aiplatform.endpoints.predict": "a publisher's model is no resource of the project's, and has no policy of its own",
}
"""Permissions that may be granted on the project, by a role that has no other, and why there is no narrower way."""
NARROW = frozenset(
    {
        "roles/run.invoker",
        "roles/secretmanager.secretAccessor",
        "roles/storage.objectUser",
        "roles/storage.objectViewer",
    }
)
"""Roles of Google's that have no narrower one for what they are used for."""
WRITES_OVER_OTHERS = re.compile(r"gcp:.*(IamBinding|IAMBinding|IamPolicy|IAMPolicy|IamAuditConfig|IAMAuditConfig)")
KEYS = "serviceaccount/key:Key"
PERMISSION = re.compile(r"[a-z][a-zA-Z0-9-]*(\.[a-zA-Z]+){2}")
TOO_MUCH = re.compile(r".*(setIamPolicy|actAs|getAccessToken|signBlob|signJwt|implicitDelegation)")
ROLE_ID = re.compile(r"[a-zA-Z0-9_.]{3,64}")
ACCOUNT_ID = re.compile(r"[a-z]([-a-z0-9]{4,28}[a-z0-9])")
AGENT = re.compile(r"serviceAccount:service-\d+@gcp-sa-mediaedgefill\.iam\.gserviceaccount\.com")


def nobody_is_let_in_without_a_name(graph: Graph) -> Iterator[str]:
    """Neither everybody nor everybody with an account, but for what ``OPEN`` names.
    DOCS/iam/docs/principals-overview."""
    served = {one.outputs["name"] for one in graph.of(FUNCTION) if graph.origins_of(one)}
    for grant in graph.grants():
        if grant.member in EVERYBODY and (
            (grant.kind, grant.role, grant.member) not in OPEN or grant.what not in served
        ):
            yield str(grant)


def roles_are_narrow(graph: Graph) -> Iterator[str]:
    """One of ``NARROW``, or a role of the graph's own: neither owner, editor, viewer nor an admin.
    DOCS/iam/docs/using-iam-securely."""
    made = {one.id for one in graph.of(CUSTOM_ROLE)}
    yield from (str(grant) for grant in graph.grants() if grant.role not in NARROW | made)


def roles_are_given_where_they_are_needed(graph: Graph) -> Iterator[str]:
    """On the resource, and on a project only what ``PROJECT_WIDE`` names; never on a folder or an organization.
    DOCS/iam/docs/using-iam-securely."""
    roles = {one.id: set(one.inputs["permissions"]) for one in graph.of(CUSTOM_ROLE)}
    for grant in graph.grants():
        if grant.what is None and not (roles.get(grant.role) and roles[grant.role] <= PROJECT_WIDE.keys()):
            yield str(grant)


def grants_are_of_known_kinds(graph: Graph) -> Iterator[str]:
    """A grant of a kind that these rules do not read would be one that nobody looked at; and a binding or a policy
    takes from others what they were granted elsewhere. MM iam: authoritative for a role, for a resource."""
    known = {f"gcp:{kind}" for kind in GRANTED_ON}
    for one in graph.resources:
        member = re.search(r"(IamMember|IAMMember)$", one.type)
        if (member and one.type not in known) or WRITES_OVER_OTHERS.fullmatch(one.type):
            yield one.name


def members_are_those_of_the_graph(graph: Graph) -> Iterator[str]:
    """An account of the graph, or the agent that fills Media CDN's caches in this project.
    DOCS/media-cdn/docs/origins."""
    accounts = {one.outputs["member"] for one in graph.of(ACCOUNT)}
    for grant in graph.grants():
        if grant.member not in accounts | EVERYBODY and not AGENT.fullmatch(grant.member):
            yield str(grant)


def grants_are_on_what_is_there(graph: Graph) -> Iterator[str]:
    """A secret or a service of the graph; a bucket of it, or one that an origin reads. API setIamPolicy: 404."""
    there = {
        "cloudrunv2/serviceIamMember:ServiceIamMember": {one.outputs["name"] for one in graph.of(FUNCTION)},
        "secretmanager/secretIamMember:SecretIamMember": {one.id for one in graph.of(SECRET)},
        "storage/bucketIAMMember:BucketIAMMember": {one.id for one in graph.of(BUCKET)}
        | {one.inputs["originAddress"].removeprefix("gs://") for one in graph.origins},
    }
    for grant in graph.grants():
        if grant.what is not None and grant.what not in there.get(grant.kind, {grant.what}):
            yield str(grant)


def grants_are_there_once(graph: Graph) -> Iterator[str]:
    """Two resources for one grant: destroying one takes it from the other. MM iam: member."""
    seen = set[Any]()
    for grant in graph.grants():
        same = (grant.kind, grant.what, grant.role, grant.member, str(grant.resource.inputs.get("condition")))
        if same in seen:
            yield str(grant)
        seen.add(same)


def custom_roles_name_their_permissions(graph: Graph) -> Iterator[str]:
    """One or more, without ``*``, none by which an account becomes another or gives itself more.
    DOCS/iam/docs/creating-custom-roles."""
    for one in graph.of(CUSTOM_ROLE):
        permissions = one.inputs.get("permissions", [])
        odd = [each for each in permissions if not PERMISSION.fullmatch(each) or TOO_MUCH.fullmatch(each)]
        if not permissions or odd:
            yield f"{one.name}: {odd}"


def names_in_iam_are_allowed(graph: Graph) -> Iterator[str]:
    """A role's id has 3 to 64 letters, digits, ``_`` and ``.``, its title 100 characters; an account's id 6 to 30 of
    a-z, 0-9 and ``-``, from a letter on, its description 256 bytes. API roles.create, serviceAccounts.create."""
    for one in graph.of(CUSTOM_ROLE):
        if not ROLE_ID.fullmatch(one.outputs["roleId"]) or not 1 <= len(one.inputs.get("title", "")) <= 100:
            yield one.name
    for one in graph.of(ACCOUNT):
        id_, description = one.outputs["email"].partition("@")[0], one.inputs.get("description", "")
        if not ACCOUNT_ID.fullmatch(id_) or len(description.encode()) > 256:
            yield one.name


def custom_roles_are_given_an_id(graph: Graph) -> Iterator[str]:
    """One that the provider makes up has a hyphen, and is refused: ``"role_id" doesn't match regexp``.
    github.com/pulumi/pulumi-gcp/issues/3328."""
    yield from (one.name for one in graph.of(CUSTOM_ROLE) if "roleId" not in one.inputs)


def every_role_and_account_is_used(graph: Graph) -> Iterator[str]:
    """What nothing uses is one more to lose. DOCS/iam/docs/best-practices-service-accounts."""
    roles = {grant.role for grant in graph.grants()}
    running = {account.urn for one in graph.of(FUNCTION) if (account := graph.account(one))}
    yield from (one.name for one in graph.of(CUSTOM_ROLE) if one.id not in roles)
    yield from (one.name for one in graph.of(ACCOUNT) if one.urn not in running)


def accounts_have_no_keys(graph: Graph) -> Iterator[str]:
    """A key is a secret that never expires, and a function needs none.
    DOCS/iam/docs/best-practices-for-managing-service-account-keys."""
    yield from (one.name for one in graph.of(KEYS))


def conditions_can_be_met(graph: Graph) -> Iterator[str]:
    """A title of 100 characters and an expression; not for everybody; on a bucket with uniform access, and about
    objects of that bucket. DOCS/iam/docs/conditions-overview; DOCS/storage/docs/access-control/iam#conditions."""
    uniform = {one.id for one in graph.of(BUCKET) if one.inputs.get("uniformBucketLevelAccess") is True}
    for grant in graph.grants():
        condition = grant.resource.inputs.get("condition")
        if condition is None:
            continue
        named = set(re.findall(r"projects/_/buckets/([^/\"]+)", condition.get("expression", "")))
        told = 1 <= len(condition.get("title", "")) <= 100 and condition.get("expression")
        if not told or grant.member in EVERYBODY or grant.what not in uniform or not named <= {grant.what}:
            yield str(grant)


def programs_do_not_write_where_clients_look_for_them(graph: Graph) -> Iterator[str]:
    """The discovery document tells clients where to send their API keys: who runs in the function must not change it,
    nor what it is built from. DOCS/storage/docs/access-control/iam#conditions."""
    document = ".well-known/"
    for one in graph.of(FUNCTION):
        source = one.inputs.get("buildConfig", {}).get("source", {}).get("storageSource", {}).get("bucket")
        results = variables(one).get("INFERENCE_EDGE_CACHE_STORE", "").removeprefix("gs://")
        for grant in graph.grants_to(graph.account(one)):
            expression = grant.resource.inputs.get("condition", {}).get("expression", "")
            guarded = "!=" in expression and document in expression
            if grant.what == source or (grant.what == results and not guarded):
                yield str(grant)


RULES: tuple[Rule, ...] = (
    nobody_is_let_in_without_a_name,
    roles_are_narrow,
    roles_are_given_where_they_are_needed,
    grants_are_of_known_kinds,
    members_are_those_of_the_graph,
    grants_are_on_what_is_there,
    grants_are_there_once,
    custom_roles_name_their_permissions,
    names_in_iam_are_allowed,
    custom_roles_are_given_an_id,
    every_role_and_account_is_used,
    accounts_have_no_keys,
    conditions_can_be_met,
    programs_do_not_write_where_clients_look_for_them,
)
