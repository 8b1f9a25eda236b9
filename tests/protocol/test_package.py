"""What the protocol may be built from, and what it offers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from inference_edge_cache import protocol
from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.protocol import errors

FILES = sorted(Path(protocol.__file__).parent.glob("*.py"))
ALLOWED = {"inference_edge_cache.errors", "rfc8785"}
NEVER = {
    "socket",
    "http",
    "urllib",
    "ssl",
    "os",
    "pathlib",
    "subprocess",
    "time",
    "datetime",
    "random",
    "secrets",
    "uuid",
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_protocol_is_the_standard_library_and_rfc8785_without_any_io(file):
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    for name in names:
        top = name.partition(".")[0]
        assert top in sys.stdlib_module_names or name in ALLOWED or name.startswith("inference_edge_cache.protocol"), (
            name
        )
        assert top not in NEVER, name


def test_importing_the_protocol_loads_neither_pulumi_nor_pydantic():
    code = "import sys, inference_edge_cache.protocol; print({'pulumi', 'pydantic'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_all_is_sorted_and_every_name_in_it_is_there():
    constants = [name for name in protocol.__all__ if name.isupper()]
    classes = [name for name in protocol.__all__ if name[0].isupper() and not name.isupper()]
    functions = [name for name in protocol.__all__ if name[0].islower()]
    assert protocol.__all__ == sorted(constants) + sorted(classes) + sorted(functions)
    assert all(hasattr(protocol, name) for name in protocol.__all__)


@pytest.mark.parametrize("name", [name for name in dir(errors) if name.endswith("Error")])
def test_the_tree_in_the_docstring_is_the_tree(name):
    assert issubclass(getattr(errors, name), EdgeCacheError)
    assert name in (errors.__doc__ or "")
