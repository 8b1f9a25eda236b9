"""What a recorded program registered: plain frozen values, nothing of Pulumi inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from inference_edge_cache.errors import RecordingError


@dataclass(frozen=True)
class Secret:
    """A value that Pulumi keeps secret, exactly where it is secret. `value` may itself be `Unknown()`."""

    value: Any


@dataclass(frozen=True)
class Unknown:
    """A value that is not known during a preview. Every `Unknown()` equals every other."""


@dataclass(frozen=True)
class Options:
    """A resource's options as the engine receives them. Resources are named by URN, and lists of URNs are sorted.

    `depends_on` holds everything the resource waits for: its `depends_on` option and the resources its inputs
    come from; `property_dependencies` says which input comes from which resource.
    Each alias is a URN, or a mapping with any of `name`, `type`, `parent`, `no_parent`, `stack`, `project`.
    `ignore_changes`, `replace_on_changes` and `additional_secret_outputs` hold wire (camelCase) names.
    `custom_timeouts` maps `create`, `update`, `delete` to durations such as `"30m"`.
    """

    protect: bool = False
    depends_on: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    aliases: tuple[str | Mapping[str, Any], ...] = ()
    provider: str | None = None
    providers: Mapping[str, str] = field(default_factory=dict[str, str])
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    delete_before_replace: bool | None = None
    retain_on_delete: bool = False
    deleted_with: str | None = None
    custom_timeouts: Mapping[str, str] = field(default_factory=dict[str, str])
    additional_secret_outputs: tuple[str, ...] = ()
    import_id: str | None = None


@dataclass(frozen=True)
class Resource:
    """One resource that the program registered.

    Names in `inputs` and `outputs` are the wire (camelCase) names that Pulumi's state shows:
    `inputs["defaultCacheBehavior"]["viewerProtocolPolicy"]`. Values are plain (dict, list, str, int, float, bool,
    None), with `Secret` and `Unknown` where they apply. An asset or archive is a dict such as `{"path": "app.zip"}`,
    a resource used as a value is its id (a component: its URN).

    `parent` is a URN, None directly below the stack. `id` is None for a component.
    `outputs` are the values the mocks returned; of a component, the values it gave to `register_outputs`, and
    None when it never called it. `existing` tells a resource that was read (`Bucket.get(...)`) from a created one.
    """

    type: str
    name: str
    urn: str
    parent: str | None
    custom: bool
    id: str | Unknown | None
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] | None
    options: Options
    existing: bool = False

    def input(self, path: str) -> Any:
        """The input at a dotted path: `resource.input("origins.0.domainName")`.

        A number is a list index. Secrets on the way are opened; the value found is returned as recorded.
        Raises RecordingError, naming what there is, when the path leads nowhere.
        """
        value: Any = self.inputs
        walked: list[str] = []
        for step in path.split("."):
            value = value.value if isinstance(value, Secret) else value
            try:
                value = value[int(step)] if isinstance(value, list) else value[step]
            except (KeyError, IndexError, ValueError, TypeError):
                place = ".".join(walked) or "inputs"
                raise RecordingError(
                    f"{self.type} {self.name!r} has no input {path!r}: {place} is {_outline(value)}"
                ) from None
            walked.append(step)
        return value


@dataclass(frozen=True, order=True)
class LogLine:
    """One message of `pulumi.log`: `severity` is "info", "warning" or "error"; `urn` is "" without a resource."""

    urn: str
    severity: str
    message: str


@dataclass(frozen=True)
class Invoke:
    """One data source the program called: `token` is such as "aws:index/getRegion:getRegion"."""

    token: str
    args: Mapping[str, Any]
    provider: str | None = None


@dataclass(frozen=True)
class Recording:
    """What a program registered. Two recordings of the same program are equal.

    `resources` are in tree order: a parent, then its children sorted by type and name. The stack itself is left
    out. `outputs` are the stack's exports. `logs` and `invokes` are sorted, since Pulumi fixes no order for them;
    debug messages are left out.
    """

    resources: tuple[Resource, ...]
    outputs: Mapping[str, Any]
    logs: tuple[LogLine, ...] = ()
    invokes: tuple[Invoke, ...] = ()
    preview: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """The messages of `pulumi.log.warn`, sorted."""
        return tuple(sorted(line.message for line in self.logs if line.severity == "warning"))

    def of_type(self, type_: str) -> tuple[Resource, ...]:
        """Every resource of a type: in full ("aws:s3/bucket:Bucket") or its last word ("Bucket")."""
        return tuple(r for r in self.resources if type_ in _type_names(r))

    def one(self, type_or_name: str) -> Resource:
        """The only resource with this type (in full or its last word), name or URN.

        Raises RecordingError, with the tree, when there is none or more than one.
        """
        found = [r for r in self.resources if type_or_name in {*_type_names(r), r.name, r.urn}]
        if len(found) == 1:
            return found[0]
        raise RecordingError(
            f"expected one resource of type or name {type_or_name!r}, found {len(found)} in:\n{self.tree()}"
        )

    def children(self, of: Resource | str | None = None) -> tuple[Resource, ...]:
        """The resources directly below `of`: a resource, what `one` accepts, or None for the stack."""
        parent = self.one(of).urn if isinstance(of, str) else of.urn if of else None
        return tuple(r for r in self.resources if r.parent == parent)

    def tree(self) -> str:
        """The resources as text, one `type name` a line, two spaces deeper below each parent."""
        depth: dict[str | None, int] = {None: -1}
        lines: list[str] = []
        for r in self.resources:
            depth[r.urn] = depth[r.parent] + 1
            lines.append(f"{'  ' * depth[r.urn]}{r.type} {r.name}")
        return "\n".join(lines)


def reveal(value: Any) -> Any:
    """The same value with every `Secret` in it opened, however deep."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, Mapping):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [reveal(item) for item in value]
    return value


def in_tree_order(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Each parent before its children, siblings by type, name and URN."""
    below: dict[str | None, list[Resource]] = {}
    for resource in sorted(resources, key=lambda r: (r.type, r.name, r.urn)):
        below.setdefault(resource.parent, []).append(resource)
    ordered: list[Resource] = []
    waiting = below.get(None, [])[::-1]
    while waiting:
        ordered.append(waiting.pop())
        waiting.extend(below.get(ordered[-1].urn, [])[::-1])
    return tuple(ordered)


def _type_names(resource: Resource) -> tuple[str, str]:
    return resource.type, resource.type.rsplit(":", 1)[-1]


def _outline(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a mapping of {', '.join(sorted(value)) or 'nothing'}"
    return f"a list of {len(value)}" if isinstance(value, list) else repr(value)
