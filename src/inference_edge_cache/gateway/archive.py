"""The archive that a deployment ships: gateway, protocol, and the few packages that they need, as installed here.

Files are read and nothing is run, so the same installation and the same configuration make the same bytes.
"""

import io
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from inference_edge_cache.gateway.assembly import CONFIG_NAME
from inference_edge_cache.gateway.config import GatewayConfigError, parse_gateway_config

LAMBDA_HANDLER = "inference_edge_cache.gateway.doors.aws_lambda.handler"
"""What to name as the handler of a Lambda function."""

FUNCTION_ENTRY_POINT = "handle"
"""What to name as the entry point of a function on Cloud Run."""

# The buildpack looks for the entry point in main.py, and installs requirements.txt beside it
# (cloud.google.com/run/docs/runtimes/python).
_FUNCTION_MAIN = b"""from inference_edge_cache.gateway.doors.cloud_run import handle

__all__ = ["handle"]
"""
_FUNCTION_REQUIREMENTS = b"""functions-framework>=3.8,<4
google-auth[urllib3]>=2.40,<3
google-cloud-storage>=3.4,<4
"""

_OURS = ("__init__.py", "errors.py", "protocol", "gateway")
_PACKAGES = {"rfc8785": "rfc8785", "http-sf": "http_sf", "typing-extensions": "typing_extensions"}
"""What they need, all of it, and all of it pure Python: the name on PyPI, the name of the module."""

_LICENCES = ("LICENSE", "LICENCE", "NOTICE", "COPYING")
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_READABLE_FILE = 0o100644 << 16
_UNIX = 3


def archive_files() -> dict[str, bytes]:
    """The contents of ``archive_paths``. Raises ``GatewayConfigError``."""
    return {name: file.read_bytes() for name, file in archive_paths().items()}


def archive_paths() -> dict[str, Path]:
    """What the deployed gateway consists of, by name, in order; ``gateway.json`` is not among it.

    Sources and licences. Raises ``GatewayConfigError`` when a package is not installed as files.
    """
    package = Path(__file__).parents[1]
    files = {name: file for part in _OURS for name, file in _sources(package / part, package.parent)}
    files |= _licences("inference-edge-cache")
    for name, module in _PACKAGES.items():
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            raise GatewayConfigError(f"the archive needs {name}, which is not installed")
        origin = Path(spec.origin)
        root = origin.parent if spec.submodule_search_locations else origin
        files |= dict(_sources(root, root.parent)) | _licences(name)
    return {name: files[name] for name in sorted(files)}


def function_files() -> dict[str, bytes]:
    """What a function on Cloud Run is built from, beside ``archive_paths`` and ``gateway.json``."""
    return {"main.py": _FUNCTION_MAIN, "requirements.txt": _FUNCTION_REQUIREMENTS}


def write_archive(target: Path, config: bytes) -> None:
    """Write the zip that Lambda and Cloud Run take to ``target``: ``archive_files`` and ``config`` as ``gateway.json``.

    Raises ``GatewayConfigError`` or ``DiscoveryError`` when ``config`` is not what ``GatewayConfig.to_json`` wrote.
    """
    parse_gateway_config(config)
    files = {**archive_files(), CONFIG_NAME: config}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.create_system, entry.external_attr = _UNIX, _READABLE_FILE
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED, compresslevel=9)
    target.write_bytes(packed.getvalue())


def _sources(place: Path, root: Path) -> Iterator[tuple[str, Path]]:
    for file in [place] if place.is_file() else place.rglob("*.py"):
        name = file.relative_to(root)
        if "tests" not in name.parts:
            yield name.as_posix(), file


def _licences(name: str) -> dict[str, Path]:
    """The licences of a package, as far as its installation tells."""
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        return {}
    found = {}
    for file in installed.files or ():
        if ".dist-info" in file.parts[0] and file.name.startswith(_LICENCES):
            found[f"licenses/{name}-{installed.version}/{file.name}"] = Path(str(file.locate()))
    return found
