"""What the page on keys shows is what the commands print."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "keys.md").read_text()
FILES = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```', PAGE, re.DOTALL | re.MULTILINE))
SHOWN = re.findall(r"^```console\n\$ inference-edge-cache (.*?)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("typed", "printed"), SHOWN, ids=[typed for typed, _ in SHOWN])
def test_a_command_prints_what_the_page_shows(run, tmp_path, monkeypatch, typed, printed):
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    monkeypatch.setenv("COLUMNS", "100")
    ran = run(*typed.split())
    assert without_sizes(ran.out) == without_sizes(printed)


def test_the_page_shows_all_three():
    assert {typed.split()[0] for typed, _ in SHOWN} == {"key", "explain", "api-key"}


def test_the_path_that_is_taken_apart_is_the_one_of_the_first_example():
    assert PAGE.count(SHOWN[0][1].splitlines()[0]) == 2


def without_sizes(text: str) -> str:
    """Compressors differ by a few characters."""
    return re.sub(r"fits: [0-9,]+ of", "fits: N of", text)
