"""The graphs that are audited, the programs that audit them, and the exceptions.

checkov and parliament are programs of their own, in an environment of their own: see ``tests/audit/requirements.txt``.
"""

import json
import os
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_programs import CERTIFICATE, KMS_KEY, LOG_GROUP, MASTER, MODEL, MODEL_KEY, PROGRAMS, WEB_ACL, cache
from aws_terraform import terraform

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.component import TYPE
from inference_edge_cache.plan.children import CHILDREN
from inference_edge_cache.testing import Recording, Resource

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".venv-audit" / "bin"
EXCEPTIONS = ROOT / "tests" / "audit" / "exceptions.toml"
HARDENED = "everything turned on"


# Graphs ---------------------------------------------------------------------------------------------------------------
def hardened() -> Recording:
    """Everything that a user can turn on, turned on: what ``exceptions.toml`` says has to be true."""
    sse = {"apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": KMS_KEY}}
    service_role = "arn:aws:iam::aws:policy/service-role/"
    hsts = {"access_control_max_age_sec": 31536000, "include_subdomains": True, "preload": True, "override": True}
    overrides = {
        "distribution": {"default_root_object": "index.html"},
        "response_headers_policy": {"security_headers_config": {"strict_transport_security": hsts}},
        "results_encryption": {"rules": [sse]},
        "master_secret": {"kms_key_id": KMS_KEY},
        "model_headers": {"kms_key_id": KMS_KEY},
        "gateway_logs": {"kms_key_id": KMS_KEY},
        "gateway_role": {
            "managed_policy_arns": [
                f"{service_role}AWSLambdaVPCAccessExecutionRole",
                "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess",
            ]
        },
        "gateway": {
            "kms_key_arn": KMS_KEY,
            "tracing_config": {"mode": "Active"},
            "vpc_config": {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]},
        },
    }
    return cache(
        origin={"url": MODEL, "headers": {"x-api-key": MODEL_KEY}, "failover": {"url": "https://backup.example.com"}},
        routes=[{"preset": "embeddings"}, {"path": "/v1/*", "methods": ["GET", "HEAD"]}],
        bucket={"kms_key": KMS_KEY},
        custom_domain={"names": ["cache.example.com"], "certificate": CERTIFICATE},
        geo={"deny": ["AQ"]},
        logging={"destination": LOG_GROUP},
        gateway={"master_secret": MASTER, "front_door": "iam", "log_retention_days": 365},
        aws={"bucket_access": "oac", "web_acl_id": WEB_ACL},
        overrides=overrides,
    )


AUDITED: Mapping[str, Callable[[], Recording]] = {**PROGRAMS, HARDENED: hardened}
"""Every program whose graph is audited."""


def made_by_the_component(recording: Recording) -> list[Resource]:
    """What a component of ours has made: a program's own resources are its own business."""
    ours = {one.urn for one in recording.resources if one.type == TYPE}
    return [one for one in recording.resources if one.parent in ours and one.custom and not one.existing]


def child_of(name: str) -> str:
    """The logical child that a resource's name stands for, as in ``overrides``. The component's name has no hyphen."""
    _, _, suffix = name.partition("-")
    fitting = [
        (len(known), child)
        for child, known in CHILDREN[Cloud.AWS].items()
        if suffix == known or suffix.startswith(f"{known}-")
    ]
    return max(fitting)[1]


# Findings -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, order=True)
class Finding:
    """A check that a resource does not pass."""

    check: str
    child: str


@dataclass(frozen=True)
class Audit:
    """What checkov says of each graph, by the graph's name; and which kinds of resources it has looked at."""

    findings: Mapping[str, frozenset[Finding]]
    looked_at: frozenset[str]


def run_checkov(graphs: Mapping[str, Sequence[Resource]], folder: Path) -> Audit:
    """Everything in one run, which takes seconds to start. Without network, and without a configuration file."""
    names = {f"g{number}": name for number, name in enumerate(graphs)}
    for short, name in names.items():
        place = folder / "graphs" / short
        place.mkdir(parents=True)
        # Names are of one graph each: checkov follows references through all of them.
        (place / "main.tf.json").write_text(json.dumps(terraform(graphs[name], f"{short}_")))
    command = [str(TOOLS / "checkov"), "--directory", "graphs", "--framework", "terraform_json"]
    command += ["--skip-download", "--soft-fail", "--output", "json"]
    report = json.loads(_run(command, folder))
    assert report["summary"]["parsing_errors"] == 0, report["results"]["parsing_errors"]
    found: dict[str, set[Finding]] = {name: set() for name in graphs}
    looked_at: set[str] = set()
    kinds = {f"{short}_{one.name}": one.type for short, name in names.items() for one in graphs[name]}
    for result in (*report["results"]["passed_checks"], *report["results"]["failed_checks"]):
        resource = result["resource"].rpartition(".")[2]
        looked_at.add(kinds[resource])
        if result["check_result"]["result"] == "FAILED":
            short, _, name = resource.partition("_")
            found[names[short]].add(Finding(result["check_id"], child_of(name)))
    return Audit({name: frozenset(findings) for name, findings in found.items()}, frozenset(looked_at))


def policies(resources: Sequence[Resource]) -> dict[str, str]:
    """Policies of roles and of buckets, by resource. A role's trust is a document that parliament cannot read."""
    return {one.name: one.inputs["policy"] for one in resources if isinstance(one.inputs.get("policy"), str)}


def run_parliament(documents: Mapping[str, str], folder: Path) -> dict[str, list[Mapping[str, Any]]]:
    """What parliament says of each policy document, findings of every severity."""
    names = {f"p{number}.json": name for number, name in enumerate(documents)}
    for short, name in names.items():
        (folder / short).write_text(documents[name])
    command = [str(TOOLS / "parliament"), "--directory", ".", "--include_policy_extension", "json"]
    found: dict[str, list[Mapping[str, Any]]] = {name: [] for name in documents}
    for line in _run([*command, "--json", "--minimum_severity", "INFO"], folder).splitlines():
        finding = json.loads(line)
        found[names[Path(finding["location"]["filepath"]).name]].append(finding)
    return found


def is_known_of_parliament(finding: Mapping[str, Any]) -> bool:
    """Whether ``exceptions.toml`` says that it is mistaken."""
    known = tomllib.loads(EXCEPTIONS.read_text())["parliament"]
    return any(
        finding["issue"] == one["issue"] and {found["action"] for found in finding["detail"]} == {one["action"]}
        for one in known
    )


def _run(command: Sequence[str], folder: Path) -> str:
    """What a tool prints. Nothing of the user's own environment or configuration reaches it."""
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "LOG_LEVEL": "ERROR",
        "CKV_SKIP_PACKAGE_UPDATE_CHECK": "True",
    }
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


# Exceptions -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Exemption:
    """A check of checkov's that children do not pass, and why. ``turned_on_by``: how a user has it, where one can."""

    check: str
    children: tuple[str, ...]
    wanted: str
    why: str
    turned_on_by: str = ""


def exemptions() -> list[Exemption]:
    given = tomllib.loads(EXCEPTIONS.read_text())["checkov"]
    return [Exemption(**{**one, "children": tuple(one["children"])}) for one in given]


def exempt() -> Iterator[tuple[Finding, Exemption]]:
    for one in exemptions():
        for child in one.children:
            yield Finding(one.check, child), one


def table() -> str:
    """The exceptions as the docs show them."""
    rows = [
        f"| {one.wanted} ({one.check}) | {', '.join(f'`{child}`' for child in one.children)} "
        f"| {one.why} | {one.turned_on_by or '-'} |"
        for one in exemptions()
    ]
    return "\n".join(
        ["| checkov wants | of | why it is not the default | how to have it |", "|---|---|---|---|", *rows]
    )
