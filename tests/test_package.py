"""What is published: the wheel and the sdist hold what they should, and nothing else."""

import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from inference_edge_cache import __version__

ROOT = Path(__file__).parent.parent
EXTRAS = {"all", "aws", "client", "demo", "dev", "gcp", "local", "purge-aws", "purge-gcp"}
DIST_INFO = f"inference_edge_cache-{__version__}.dist-info"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=ROOT, check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = wheel.namelist()
    assert {name.split("/")[0] for name in names} == {"inference_edge_cache", DIST_INFO}
    packaged = {name for name in names if name.startswith("inference_edge_cache/")}
    tracked = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src/inference_edge_cache").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packaged == tracked
    assert "inference_edge_cache/py.typed" in packaged


def test_the_metadata_is_what_pip_shows(wheel):
    metadata = Parser().parsestr(wheel.read(f"{DIST_INFO}/METADATA").decode())
    assert metadata["Name"] == "inference-edge-cache"
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert set(metadata.get_all("Provides-Extra") or []) == EXTRAS
    base = {line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line}
    assert {line.split(">")[0].split("<")[0] for line in base} == {"http-sf", "pulumi", "pydantic", "rfc8785"}
    entry_points = wheel.read(f"{DIST_INFO}/entry_points.txt").decode()
    assert "inference-edge-cache = inference_edge_cache.cli:main" in entry_points


def test_the_wheel_names_no_machine_and_holds_no_secret(wheel):
    for name in wheel.namelist():
        text = wheel.read(name).decode("utf-8")
        assert str(ROOT) not in text, name


def test_the_sdist_can_be_built_from_and_tested(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        tops = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert {"src", "tests", "docs", "examples", "README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml"} <= tops
    assert not {".git", ".venv", ".ci"} & tops
