"""The archive that is deployed: what is in it, and that it works where nothing else is installed."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from gateway_kit import config_of

from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.gateway import archive
from inference_edge_cache.gateway.archive import LAMBDA_HANDLER, archive_files, write_archive
from inference_edge_cache.gateway.config import GatewayConfigError

CONFIG = config_of(access="public").to_json()
MAX_ARCHIVE_BYTES = 300 * 1024
MAX_LOADED_BYTES = 512 * 1024


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> bytes:
    target = tmp_path_factory.mktemp("archive") / "gateway.zip"
    write_archive(target, CONFIG)
    return target.read_bytes()


@pytest.fixture(scope="module")
def unpacked(packed, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    zipfile.ZipFile(io.BytesIO(packed)).extractall(folder)
    return folder


def alone(folder: Path, code: str, **environ: str):
    """What ``code`` prints as JSON, in a fresh interpreter with the standard library and ``folder``, and nothing else.

    As on Lambda, no compiled files are written: the folder is read-only there.
    """
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=False,
        env={**{name: value for name, value in os.environ.items() if not name.startswith("COV")}, **environ},
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


# --- What is in it ------------------------------------------------------------------------------------------------


def test_it_holds_the_gateway_and_the_protocol_and_what_they_need():
    files = archive_files()
    tops = {name.split("/")[0] for name in files}
    assert tops == {"http_sf", "inference_edge_cache", "licenses", "rfc8785", "typing_extensions.py"}
    ours = {name.split("/")[1] for name in files if name.startswith("inference_edge_cache/")}
    assert ours == {"__init__.py", "errors.py", "gateway", "protocol"}
    assert "inference_edge_cache/gateway/doors/aws_lambda.py" in files
    assert "inference_edge_cache/protocol/canonical.py" in files
    package = Path(archive.__file__).parents[1]
    assert files["inference_edge_cache/errors.py"] == (package / "errors.py").read_bytes()


def test_it_holds_sources_and_licences_and_nothing_else():
    files = archive_files()
    for name in files:
        assert name.startswith("licenses/") or name.endswith(".py")
        assert not {"tests", "__pycache__"} & set(name.split("/"))
    licensed = {name.split("/")[1].rpartition("-")[0] for name in files if name.startswith("licenses/")}
    assert licensed == {"http-sf", "inference-edge-cache", "rfc8785", "typing-extensions"}


def test_of_a_package_it_takes_the_sources_and_not_the_tests(tmp_path, monkeypatch):
    for name in ("__init__.py", "a/b.py", "a/data.json", "tests/test_a.py", "a/tests/conftest.py", "__pycache__/a.pyc"):
        (tmp_path / "made" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "made" / name).write_text(name)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(archive, "_PACKAGES", {"made": "made"})
    made = {name: content for name, content in archive_files().items() if name.startswith("made/")}
    assert made == {"made/__init__.py": b"__init__.py", "made/a/b.py": b"a/b.py"}


def test_it_lists_its_files_in_order():
    assert list(archive_files()) == sorted(archive_files())


def test_it_is_small(packed):
    assert len(packed) <= MAX_ARCHIVE_BYTES


def test_the_same_input_makes_the_same_bytes(packed, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    monkeypatch.chdir(tmp_path)
    write_archive(tmp_path / "again.zip", CONFIG)
    assert (tmp_path / "again.zip").read_bytes() == packed


def test_another_configuration_makes_another_archive(packed, tmp_path):
    write_archive(tmp_path / "other.zip", config_of(generation="2").to_json())
    assert (tmp_path / "other.zip").read_bytes() != packed


def test_its_entries_are_plain_files_that_everyone_can_read(packed):
    entries = zipfile.ZipFile(io.BytesIO(packed)).infolist()
    assert [entry.filename for entry in entries] == sorted([*archive_files(), "gateway.json"])
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {(entry.create_system, entry.external_attr >> 16) for entry in entries} == {(3, 0o100644)}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_DEFLATED}


def test_the_configuration_lies_at_its_root(unpacked):
    assert (unpacked / "gateway.json").read_bytes() == CONFIG


@pytest.mark.parametrize("config", [b"", b"{}", b'{"edge": {}, "results": {}}'])
def test_what_is_no_configuration_is_not_packed(tmp_path, config):
    with pytest.raises(EdgeCacheError):
        write_archive(tmp_path / "gateway.zip", config)
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(archive, "find_spec", lambda module: None)
    with pytest.raises(GatewayConfigError, match="the archive needs rfc8785, which is not installed"):
        archive_files()


def test_a_package_without_metadata_is_packed_without_its_licence(monkeypatch):
    def missing(name):
        raise archive.PackageNotFoundError(name)

    whole = set(archive_files())
    monkeypatch.setattr(archive, "distribution", missing)
    assert set(archive_files()) == {name for name in whole if not name.startswith("licenses/")}


# --- That it works ------------------------------------------------------------------------------------------------

MODULE, _, FUNCTION = LAMBDA_HANDLER.rpartition(".")
INSTALLED = ("pulumi", "pydantic", "boto3", "botocore", "google", "urllib3", "httpx", "uvicorn", "werkzeug")
LARGE = (
    "asyncio",
    "concurrent.futures",
    "http.client",
    "multiprocessing",
    "sqlite3",
    "ssl",
    "subprocess",
    "urllib.request",
)


def test_the_handler_is_imported_with_nothing_else_installed(unpacked):
    code = f"import {MODULE}, json; print(json.dumps([name for name in {INSTALLED!r} if name in sys.modules]))"
    assert alone(unpacked, code) == []


def test_everything_in_it_comes_from_it(unpacked):
    code = f"""
import {MODULE}, json
places = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
print(json.dumps([place for place in places if place and "site-packages" in place]))"""
    assert alone(unpacked, code) == []


def test_the_handler_answers_with_nothing_else_installed(unpacked):
    code = f"""
import json
from {MODULE} import {FUNCTION}
class Context:
    def get_remaining_time_in_millis(self): return 30_000
event = {{"version": "2.0", "rawPath": "/.well-known/inference-edge-cache.json", "rawQueryString": "",
          "headers": {{}}, "requestContext": {{"http": {{"method": "GET"}}}}, "isBase64Encoded": False}}
print(json.dumps({FUNCTION}(event, Context())))"""
    answer = alone(unpacked, code)
    assert answer["statusCode"] == 503  # nothing is set in its environment
    assert json.loads(answer["body"])["detail"] == "the gateway is not set up; its log says why"


def test_a_cold_start_loads_little(unpacked):
    """What makes a start slow: sources that are compiled anew each time, and the large parts of the standard library.

    ``benchmarks/cold_start.py`` has the time.
    """
    code = f"""
import {MODULE}, json, os
sources = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
loaded = sum(os.path.getsize(source) for source in sources if source.startswith({str(unpacked)!r}))
print(json.dumps([loaded, [name for name in {LARGE!r} if name in sys.modules]]))"""
    loaded, large = alone(unpacked, code)
    assert 0 < loaded <= MAX_LOADED_BYTES
    assert large == []
