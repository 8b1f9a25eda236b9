"""The examples users copy: those in docs/testing.md and in the package's docstring work as they are."""

import re
from pathlib import Path

import pytest

import inference_edge_cache.testing as kit

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
EXAMPLE = "\n".join(line[4:] for line in (kit.__doc__ or "").splitlines() if line.startswith("    ") or not line)


@pytest.mark.parametrize("code", [*BLOCKS, EXAMPLE], ids=[*map(str, range(len(BLOCKS))), "docstring"])
def test_an_example_runs(code, tmp_path, monkeypatch):
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "Pulumi.yaml").write_text("{name: shop, runtime: python, config: {size: {default: 1}}}")
    (tmp_path / "infra" / "__main__.py").write_text("import pulumi; pulumi.export('size', pulumi.Config().get('size'))")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "example"}
    exec(compile(code, "example", "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        modes = [mark.args[1] for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        for values in modes or [[]]:
            for value in values:
                test(value)
            if not values:
                test()


def test_the_page_names_everything_the_package_exports():
    assert [name for name in kit.__all__ if f"`{name}" not in PAGE] == []
