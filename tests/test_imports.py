"""Who may import whom. Importing the package stays light, and one cloud's SDK is enough for one cloud."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import inference_edge_cache

PACKAGE = Path(inference_edge_cache.__file__).parent
HEAVY = (
    "pulumi",
    "pulumi_aws",
    "pulumi_gcp",
    "pydantic",
    "yaml",
    "httpx",
    "httpx2",
    "starlette",
    "hishel",
    "typer",
    "rich",
)
HEAVY += ("boto3", "google.auth", "google.cloud.storage", "urllib3", "filelock", "cachetools", "uvicorn")


def loaded_by(code: str) -> set[str]:
    """The heavy packages that are loaded after ``code`` ran in a fresh interpreter."""
    script = f"{code}\nimport sys, json; print(json.dumps(sorted(m for m in {HEAVY!r} if m in sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import inference_edge_cache") == set()


def test_the_error_tree_needs_no_pulumi():
    assert loaded_by("from inference_edge_cache.errors import EdgeCacheError, MissingExtraError, Problem") == set()


def test_the_capability_table_needs_no_pulumi():
    assert loaded_by("import inference_edge_cache.capabilities") == set()


def test_gateway_and_client_load_the_protocol_alone():
    gateway = "import inference_edge_cache.gateway.doors.aws_lambda, inference_edge_cache.gateway.doors.asgi"
    assert loaded_by(gateway) == set()
    assert loaded_by("import inference_edge_cache.client") == set()


def test_a_policy_needs_no_pulumi_and_no_cloud():
    assert loaded_by("from inference_edge_cache import CachePolicy; CachePolicy()") == {"pydantic", "yaml"}


def test_a_plan_needs_no_cloud_sdk():
    plan = "from inference_edge_cache.plan import make_plan; make_plan('c', {'cloud': 'aws', 'origin': {'url': 'https://m.example.com'}})"
    assert not loaded_by(plan) & {"pulumi_aws", "pulumi_gcp"}


@pytest.mark.parametrize(("cloud", "other"), [("aws", "pulumi_gcp"), ("gcp", "pulumi_aws")])
def test_a_cache_on_one_cloud_never_loads_the_other_ones_sdk(cloud, other):
    code = f"""
import warnings; warnings.simplefilter("ignore")
from inference_edge_cache.testing import record
def program():
    from inference_edge_cache import InferenceEdgeCache
    InferenceEdgeCache("c", {{"cloud": "{cloud}", "origin": {{"url": "https://m.example.com"}}, "bucket": {{}}}})
record(program)
"""
    loaded = loaded_by(code)
    assert f"pulumi_{cloud}" in loaded
    assert other not in loaded


# Layer -> the parts of the package it may import, at any place in its files.
MAY_IMPORT = {
    "errors.py": {"_invalid_args"},
    "_invalid_args.py": {"errors"},
    "capabilities.py": set(),
    "costs.py": {"capabilities", "errors"},
    "protocol": {"errors", "protocol"},
    "gateway": {"errors", "gateway", "protocol"},
    "client": {"client", "errors", "protocol"},
    "inference_rules.py": {"gateway", "policy", "protocol"},  # may be imported by plan, local and cli
    "policy": {"errors", "policy"},
    "args.py": {"capabilities", "policy"},
    "_shape.py": {"args", "errors", "policy"},
    "plan": {"_shape", "args", "capabilities", "errors", "inference_rules", "plan", "policy", "protocol"},
    "clouds": {"args", "capabilities", "clouds", "errors", "gateway", "plan", "policy", "protocol"},
    "component.py": {"args", "capabilities", "clouds", "errors", "plan"},
    "testing": {"errors", "testing"},
    "local": {"capabilities", "client", "errors", "gateway", "inference_rules", "local", "policy", "protocol"},
    "operations": {"capabilities", "client", "errors", "operations", "protocol"},
}


def imports_of(file: Path) -> set[str]:
    """The parts of this package that ``file`` imports, type-checking imports left out."""
    tree = ast.parse(file.read_text())
    typing_only = {
        node
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for inner in branch.body
        for node in ast.walk(inner)
    }
    found = set()
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("inference_edge_cache.")}
    return found


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_a_layer_imports_only_the_layers_below_it(layer):
    place = PACKAGE / layer
    files = [place] if place.suffix else sorted(place.rglob("*.py"))
    assert files
    for file in files:
        assert imports_of(file) <= MAY_IMPORT[layer], file


@pytest.mark.parametrize("layer", ["capabilities.py", "policy", "plan", "args.py", "component.py"])
def test_no_layer_above_the_backends_names_a_cloud_sdk(layer):
    place = PACKAGE / layer
    for file in [place] if place.suffix else sorted(place.rglob("*.py")):
        assert "import pulumi_" not in file.read_text()


@pytest.mark.parametrize(
    "file", ["args.py", "component.py", "policy/models.py", "policy/inference.py", "capabilities.py"]
)
def test_files_that_pulumi_analyzes_have_no_postponed_annotations(file):
    assert "from __future__ import annotations\n" not in (PACKAGE / file).read_text()


def test_a_program_never_asks_the_clock_chance_the_network_or_a_subprocess():
    """The same program makes the same plan, on every machine, at every time."""
    forbidden = {"time", "datetime", "random", "secrets", "uuid", "subprocess", "socket", "http", "httpx", "requests"}
    for part in ("policy", "plan", "clouds", "args.py", "component.py", "capabilities.py", "_shape.py"):
        place = PACKAGE / part
        for file in [place] if place.suffix else sorted(place.rglob("*.py")):
            nodes = list(ast.walk(ast.parse(file.read_text())))
            names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
            names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
            assert not {name.partition(".")[0] for name in names} & forbidden, file
