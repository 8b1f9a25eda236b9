"""A page with a part that a script writes, between two marks."""

import argparse
import sys
from pathlib import Path


def write_or_check(what: str | None, part: str) -> None:
    """Put ``part``, whose first and last lines are the marks, into the page that the command line names; with
    ``--check`` end with an error where the page has something else. ``what`` describes the command."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("page", type=Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    lines = part.splitlines()
    before = options.page.read_text()
    start, _, rest = before.partition(lines[0])
    after = start + part + rest.partition(lines[-1])[2]
    if after == before:
        return
    if options.check:
        sys.exit(f"{options.page} is out of date: run python scripts/{Path(sys.argv[0]).name} {options.page}")
    options.page.write_text(after)
