"""The security page tells what is: its exceptions are those of the audit, its role is the one that is made."""

import json
import re
import sys

import pytest
from aws_audit import ROOT, made_by_the_component, table
from aws_programs import GATEWAYS, PROGRAMS

PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- table: begin (made by tests/audit/test_docs.py) -->", "<!-- table: end -->"


def with_the_table(page: str) -> str:
    start, _, rest = page.partition(BEGIN)
    return f"{start}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


def test_the_exceptions_of_the_docs_are_those_of_the_audit():
    """``PYTHONPATH=tests/kit python tests/audit/test_docs.py`` writes them anew."""
    assert PAGE.read_text() == with_the_table(PAGE.read_text())


def rows() -> dict[str, set[str]]:
    """The statements of the docs: their actions by their name."""
    section = PAGE.read_text().partition("## What the gateway may do")[2].partition("\n## ")[0]
    cells = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    return {cell[1].strip(" `"): set(re.findall("`([^`]+)`", cell[2])) for cell in cells}


@pytest.fixture(scope="module")
def statements() -> dict[str, set[str]]:
    """The statements that gateways of all kinds are made with."""
    found: dict[str, set[str]] = {}
    for name in GATEWAYS:
        role = next(one for one in made_by_the_component(PROGRAMS[name]()) if one.name == "cache-gateway-role-policy")
        for statement in json.loads(role.inputs["policy"])["Statement"]:
            found.setdefault(statement["Sid"], set()).update(statement["Action"])
    return found


def test_the_role_of_the_docs_is_the_one_that_is_made(statements):
    assert rows() == statements


if __name__ == "__main__":
    PAGE.write_text(with_the_table(PAGE.read_text()))
    sys.stdout.write(f"{PAGE} written\n")
