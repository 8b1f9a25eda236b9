"""What README and docs show is true: programs run, links lead somewhere, tables match the code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from inference_edge_cache import PRESETS
from inference_edge_cache.policy import format_seconds
from inference_edge_cache.testing import Secret, record

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from snippets import PAGES, programs  # noqa: E402

# The test guide's programs are test files of their own, executed by tests/testing.
PROGRAMS = {name: program for name, program in programs().items() if not name.startswith("docs_testing")}
CONFIG = {"modelUrl": "https://model.example.com", "modelKey": Secret("k")}
CONFIG["master"] = Secret("a master secret of at least 32 bytes")


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_program_of_the_docs_runs(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record(lambda: exec(compile(program, "<docs>", "exec"), {"__name__": "__main__"}), config=CONFIG)


def test_readme_shows_its_two_commands_first():
    first = re.search(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert first is not None
    assert first[1].splitlines() == ["make demo", "make test"]


def test_the_error_that_readme_shows_is_the_one_a_user_sees():
    from inference_edge_cache import InvalidArgsError
    from inference_edge_cache.plan import make_plan

    args = {"cloud": "gcp", "origin": {"url": "http://model.example.com"}, "geo": {"allow": ["DE"]}}
    with pytest.raises(InvalidArgsError) as caught:
        make_plan("embeddings", args)
    assert str(caught.value) in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_capability_table_of_the_docs_is_the_one_of_the_code():
    command = [sys.executable, "scripts/capability_table.py", "--check", "docs/provider-mapping.md"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_the_preset_table_of_the_docs_is_the_one_of_the_code(preset):
    row = next(
        line for line in (ROOT / "docs/policies.md").read_text().splitlines() if line.startswith(f"| `{preset.name}`")
    )
    default, maximum = row.split("|")[4].strip(), row.split("|")[5].strip()
    assert (default if not default.startswith("0") else "0s") == format_seconds(preset.policy.default_ttl)
    assert maximum == format_seconds(preset.policy.max_ttl)


def test_the_changelog_knows_the_version():
    from inference_edge_cache import __version__

    changelog = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## (\S+).*?\n(.*?)(?=^## |\Z)", changelog, re.DOTALL | re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__
    assert "replaces" in newest[2]
