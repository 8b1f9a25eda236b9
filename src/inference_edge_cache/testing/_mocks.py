"""What the clouds would answer: ids, ARNs, domain names and data sources, the same on every run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi.output
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs

from inference_edge_cache.testing import _aws, _gcp, _wire
from inference_edge_cache.testing._cloud import Answer, Cloud, NewResource, Outputs


@dataclass(frozen=True)
class CloudMocks(pulumi.runtime.Mocks):
    """Mocks for Pulumi programs on AWS and GCP. Every id, ARN and domain name depends on the URN alone.

    `outputs` adds or replaces what a resource type computes: a function from `NewResource` to outputs with wire
    names, where `"id"` is the physical id. Inputs are echoed below it. Defaults: the types of a CDN and its origins,
    and an id, a name and (on AWS) an ARN for every other type.
    `answers` adds or replaces what a data source returns: a function from its arguments and the `Cloud` to a mapping.
    Defaults: region, account, partition, policy documents, managed CloudFront policies, buckets and the GCP project;
    any other data source returns its arguments.

    Works with `record` and with Pulumi's own `set_mocks`. Subclass it to override `new_resource` or `call`.
    """

    cloud: Cloud = field(default_factory=Cloud)
    outputs: Mapping[str, Outputs] = field(default_factory=dict[str, Outputs])
    answers: Mapping[str, Answer] = field(default_factory=dict[str, Answer])

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        new = NewResource(
            type=args.typ,
            name=args.name,
            inputs=plain(args.inputs),
            cloud=self.cloud,
            seed=getattr(args, "urn", f"{args.typ}::{args.name}"),
            existing_id=args.resource_id or None,
        )
        outputs = {**self._outputs_of(args.typ)(new)}
        id_ = outputs.pop("id", None) or new.named()
        return args.resource_id or id_, {**args.inputs, **_as_secret_as(args.inputs, outputs)}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        given = plain(args.args)
        return {**self._answer_of(args.token)(given, self.cloud)}, None

    def _outputs_of(self, type_: str) -> Outputs:
        return self.outputs.get(type_) or _aws.RESOURCES.get(type_) or _gcp.RESOURCES.get(type_) or _any_resource

    def _answer_of(self, token: str) -> Answer:
        return self.answers.get(token) or _aws.FUNCTIONS.get(token) or _gcp.FUNCTIONS.get(token) or _echo


def plain(value: Any) -> Any:
    """A value as Pulumi hands it to mocks, with secrets opened and unknown values left out."""
    if isinstance(value, Mapping):
        if value.get(_wire.SIGNATURE) == _wire.SECRET:
            return plain(value["value"])
        return {key: plain(item) for key, item in value.items() if not isinstance(item, pulumi.output.Unknown)}
    return [plain(item) for item in value] if isinstance(value, list) else value


def _as_secret_as(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    """``outputs``, secret where the input of that name holds a secret: so does the engine, whatever a provider says
    (pulumi/pulumi, ``annotateSecrets`` in sdk/go/common/resource/plugin/provider_plugin.go)."""
    return {
        name: {_wire.SIGNATURE: _wire.SECRET, "value": plain(value)} if _holds_secret(inputs.get(name)) else value
        for name, value in outputs.items()
    }


def _holds_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return value.get(_wire.SIGNATURE) == _wire.SECRET or any(map(_holds_secret, value.values()))
    return isinstance(value, list) and any(map(_holds_secret, value))


def _any_resource(new: NewResource) -> Mapping[str, Any]:
    name = new.named()
    package, module, *_ = new.type.split(":")
    if package != "aws":
        return {"id": name, "name": name}
    service, _, kind = module.partition("/")
    return {"id": name, "name": name, "arn": new.cloud.arn(service, f"{kind.lower()}/{name}")}


def _echo(args: Mapping[str, Any], cloud: Cloud) -> Mapping[str, Any]:
    return {"id": "-", **args}
