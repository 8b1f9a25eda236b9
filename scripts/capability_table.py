"""Write the provider mapping page's table from ``capabilities.py``, or check that the page is up to date."""

import argparse
import sys
from pathlib import Path

from inference_edge_cache.capabilities import Capability, Cloud, Support, capability, features

BEGIN, END = "<!-- table: begin (made by scripts/capability_table.py) -->", "<!-- table: end -->"
MARKS = {Support.SUPPORTED: "yes", Support.LIMITED: "limited", Support.UNSUPPORTED: "no"}


def cell(row: Capability) -> str:
    words = [MARKS[row.support]]
    if row.limit:
        words.append(row.limit)
    if row.reason:
        words.append(row.reason)
    return f"{'; '.join(words)} ([source]({row.source}))".replace("|", "\\|")


def table() -> str:
    lines = ["| feature | AWS: CloudFront | GCP: Media CDN |", "|---|---|---|"]
    lines += [f"| `{f}` | {cell(capability(f, Cloud.AWS))} | {cell(capability(f, Cloud.GCP))} |" for f in features()]
    return "\n".join([BEGIN, "", *lines, "", END])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    before = options.page.read_text()
    start, _, rest = before.partition(BEGIN)
    after = start + table() + rest.partition(END)[2]
    if after == before:
        return
    if options.check:
        sys.exit(f"{options.page} is out of date: run python scripts/capability_table.py {options.page}")
    options.page.write_text(after)


if __name__ == "__main__":
    main()
