"""What is secret stays so: in Pulumi's state, in outputs, in the function's code, in what is logged."""

import base64
import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pulumi
import pytest
from aws_audit import AUDITED

from inference_edge_cache import InferenceEdgeCache
from inference_edge_cache.protocol import derive_api_key
from inference_edge_cache.protocol.keys import origin_proof, scope_of
from inference_edge_cache.testing import Recording, Secret, Unknown, record

MASTER = "canary-master-of-more-than-thirty-two-bytes"
HEADER, BACKUP_HEADER, VARIABLE = "canary-of-a-header", "canary-of-the-backup", "canary-of-a-variable"
PROOF = origin_proof(MASTER.encode())
TENANT = "acme"
URL = "https://model.example.com"
EMBEDDINGS = {"routes": [{"preset": "embeddings"}]}


def secret(text: str) -> Callable[[], pulumi.Output[str]]:
    return lambda: pulumi.Output.secret(text)


@dataclass(frozen=True)
class Program:
    """The arguments of a cache, and the secrets that have to be somewhere in what it makes."""

    args: Mapping[str, Any]
    kept: frozenset[str]

    def record(self, *, preview: bool = False) -> Recording:
        def program() -> None:
            cache = InferenceEdgeCache("cache", resolved(self.args))
            for name in InferenceEdgeCache.__annotations__:
                pulumi.export(name, getattr(cache, name))

        return record(program, preview=preview)


def resolved(value: Any) -> Any:
    """``value`` with every function in it called: an Output belongs to the program that makes it."""
    if isinstance(value, Mapping):
        return {key: resolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item) for item in value]
    return value() if callable(value) else value


def direct(cloud: str, give: Callable[[str], Any]) -> Program:
    failover = {"url": "https://backup.example.com", "headers": {"x-api-key": give(BACKUP_HEADER)}}
    origin = {"url": URL, "headers": {"x-api-key": give(HEADER)}, "failover": failover}
    routes = [{"path": "/v1/*", "methods": ["GET", "HEAD"]}]
    args = {"cloud": cloud, "origin": origin, "routes": routes, "bucket": {}}
    return Program(args, frozenset({HEADER, BACKUP_HEADER}))


def gateway(
    give: Callable[[str], Any], origin: Mapping[str, Any], *kept: str, cloud: str = "aws", **more: Any
) -> Program:
    given = {"master_secret": give(MASTER), "environment": {"MY_KEY": secret(VARIABLE)}, **more}
    args = {"cloud": cloud, "origin": origin, **EMBEDDINGS, "gateway": given}
    return Program(args, frozenset({MASTER, VARIABLE, *kept}))


def plain(text: str) -> str:
    return text


HTTPS = {"url": URL, "headers": {"x-api-key": HEADER}}
VERTEX = {"endpoint": "1234567890", "region": "us-central1", "method": "rawPredict"}
PROGRAMS = {
    "aws, direct, plain texts": direct("aws", plain),
    "aws, direct, secrets": direct("aws", secret),
    "gcp, direct, plain texts": direct("gcp", plain),
    "gcp, direct, secrets": direct("gcp", secret),
    "aws, HTTPS, plain texts": gateway(plain, HTTPS, HEADER, PROOF),
    "aws, HTTPS, secrets": gateway(secret, {"url": URL, "headers": {"x-api-key": secret(HEADER)}}, HEADER, PROOF),
    "aws, SageMaker": gateway(plain, {"sagemaker": {"endpoint_name": "e5"}}, PROOF),
    "aws, Bedrock": gateway(plain, {"bedrock": {"model_id": "amazon.titan-embed-text-v2:0", "api": "invoke"}}, PROOF),
    "aws, behind IAM": gateway(plain, HTTPS, HEADER, front_door="iam"),
    "gcp, HTTPS, plain texts": gateway(plain, HTTPS, HEADER, PROOF, cloud="gcp"),
    "gcp, Vertex AI": gateway(secret, {"vertex": VERTEX}, PROOF, cloud="gcp"),
}
DERIVED = {
    "the API key of a tenant": derive_api_key(MASTER.encode(), TENANT).text,
    "the scope of a tenant": scope_of(MASTER.encode(), TENANT),
    "the K of a scope": base64.urlsafe_b64encode(derive_api_key(MASTER.encode(), TENANT).key).decode().rstrip("="),
}
"""What follows from the master secret and has no place in a deployment, secret or not."""
CANARIES = (MASTER, HEADER, BACKUP_HEADER, VARIABLE, PROOF)


def written(canary: str) -> set[str]:
    """The ways in which a text may have been written down."""
    raw = canary.encode()
    coded = {base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    return {canary, raw.hex(), quote(canary, safe=""), *coded}


def texts(value: Any, hidden: bool = False) -> Iterator[tuple[str, bool]]:
    """Every text in ``value``, with whether Pulumi keeps it secret. Of an asset the contents."""
    if isinstance(value, Secret):
        yield from texts(value.value, True)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key), hidden
            yield from texts(item, hidden)
        if isinstance(path := value.get("path"), str) and (file := Path(path)).is_file():
            yield file.read_bytes().decode("utf-8", "replace"), hidden
    elif dataclasses.is_dataclass(value) and not isinstance(value, type | Unknown):
        for field in dataclasses.fields(value):
            yield from texts(getattr(value, field.name), hidden)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from texts(item, hidden)
    elif value is not None:
        yield str(value), hidden


def in_the_open(recording: Recording, secrets: Collection[str] = CANARIES) -> set[str]:
    """The secrets that stand, in some way of writing, where Pulumi does not keep them.

    What a provider answers is left out: here mocks have made it up, and Pulumi's engine marks there what is secret
    among the inputs (its ``annotateSecrets``).
    """
    registered = [dataclasses.replace(one, outputs=None) if one.custom else one for one in recording.resources]
    looked_at = dataclasses.replace(recording, resources=tuple(registered))
    everything = "\n".join(text for text, hidden in texts(looked_at) if not hidden)
    return {one for one in secrets if any(form in everything for form in written(one))}


def kept(recording: Recording) -> set[str]:
    everything = "\n".join(text for text, hidden in texts([one.inputs for one in recording.resources]) if hidden)
    return {one for one in CANARIES if one in everything}


@pytest.fixture(scope="module", params=PROGRAMS)
def program(request) -> Program:
    return PROGRAMS[request.param]


@pytest.mark.parametrize("preview", [False, True], ids=["up", "preview"])
def test_a_secret_stands_where_pulumi_keeps_it_and_nowhere_else(program, preview):
    """Resources' inputs, names, options, data sources, the function's files, exports, log lines."""
    recording = program.record(preview=preview)
    assert in_the_open(recording) == set()
    assert kept(recording) == program.kept


def test_what_callers_get_is_made_nowhere_in_a_deployment(program):
    everything = "\n".join(text for text, _ in texts(program.record()))
    assert [name for name, text in DERIVED.items() if text in everything] == []


def test_no_output_of_a_cache_is_a_secret(program):
    """Who exports one would have to show it to use it."""
    outputs = program.record().outputs
    assert {"url", "cache_id"} <= outputs.keys()
    assert [name for name, value in outputs.items() if isinstance(value, Secret)] == []


def test_the_code_of_the_function_is_looked_into():
    code = PROGRAMS["aws, HTTPS, secrets"].record().one("cache-gateway").inputs["code"]
    assert any("def handler" in text for text, _ in texts(code))


@pytest.mark.parametrize("name", AUDITED)
def test_what_is_secret_in_one_place_is_secret_in_all(name):
    recording = AUDITED[name]()
    secrets = {text for text, hidden in texts([one.inputs for one in recording.resources]) if hidden and len(text) > 8}
    assert in_the_open(recording, secrets) == set()


# --- Mutants ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [name for name, one in PROGRAMS.items() if "plain texts" in name])
def test_a_component_that_marks_nothing_as_secret_is_found(name, monkeypatch):
    monkeypatch.setattr(pulumi.Output, "secret", staticmethod(pulumi.Output.from_input))
    assert in_the_open(PROGRAMS[name].record()) == PROGRAMS[name].kept


@pytest.mark.parametrize("form", sorted(written(HEADER)))
def test_a_secret_in_a_log_line_is_found(form):
    assert in_the_open(record(lambda: pulumi.log.warn(f"asked with {form}"))) == {HEADER}


def test_a_secret_in_an_export_is_found():
    assert in_the_open(record(lambda: pulumi.export("key", HEADER))) == {HEADER}


def test_a_secret_in_a_file_of_the_code_is_found(tmp_path):
    (tmp_path / "app.py").write_text(f"KEY = {HEADER!r}")
    code = pulumi.AssetArchive({"app.py": pulumi.FileAsset(str(tmp_path / "app.py"))})

    def program() -> None:
        pulumi.CustomResource("aws:lambda/function:Function", "f", {"code": code})

    assert in_the_open(record(program)) == {HEADER}
