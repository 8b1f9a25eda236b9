"""What the pages on clients show is true: the shell makes the library's path, the tables name what the code says."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from inference_edge_cache.client import Tier
from inference_edge_cache.protocol import Preimage, build_preimage, parse_path, verify
from inference_edge_cache.protocol.keys import parse_api_key
from inference_edge_cache.protocol.reasons import NO_DOCUMENT
from inference_edge_cache.protocol.rules import RouteRules

ROOT = Path(__file__).parents[2]
SDK = (ROOT / "docs/sdk.md").read_text()
OTHERS = (ROOT / "docs/other-languages.md").read_text()
SOURCES = "".join(file.read_text() for file in sorted((ROOT / "src/inference_edge_cache/client").glob("*.py")))


@pytest.mark.skipif(not all(map(shutil.which, ("bash", "openssl", "gzip"))), reason="needs bash, openssl and gzip")
def test_the_shell_of_the_page_makes_a_path_and_a_payload_that_the_gateway_takes():
    script, shown = re.search(r"```bash\n(.*?)```.*?```text\n(.*?)\n```", OTHERS, re.DOTALL).groups()
    body = re.search(r"^body='(.*)'$", script, re.MULTILINE)[1]
    without_curl = re.sub(r"^curl .*$", 'printf "%s\\\\n" "$scope.$K" "$path" "$payload"', script, flags=re.MULTILINE)
    run = subprocess.run(["bash", "-eu", "-c", without_curl], capture_output=True, text=True, check=True)
    key_text, path, payload = run.stdout.split()
    assert (path, run.stderr) == (shown, "")
    key, parts = parse_api_key(f"iec1.{key_text}"), parse_path(path)
    assert key is not None
    assert parts is not None
    assert parts.scope == key.scope
    asked = build_preimage(parts.route, RouteRules(dialect="openai-chat"), [], body.encode())
    assert isinstance(asked, Preimage)
    assert verify(path, payload, key.key) == asked


def table(page: str, header: str) -> list[str]:
    """What stands in backquotes in the first column of a table."""
    rows = page.partition(header)[2].split("\n\n")[0].splitlines()
    return [name for row in rows if row.startswith("| ") for name in re.findall(r"`([^`]*)`", row.split("|")[1])]


def test_the_tiers_of_the_page_are_those_of_the_code():
    assert table(SDK, "| `tier` |") == list(get_args(Tier))


def test_the_reasons_of_the_page_are_those_of_the_code():
    shown = set(table(SDK, "| `reason` | meaning |"))
    examples = {"not-deterministic: temperature", "query-string", "get-404", "get-lost"}
    assert examples <= shown
    assert shown - examples == {NO_DOCUMENT, *re.findall(r'return "([a-z-]+)"', SOURCES)}
