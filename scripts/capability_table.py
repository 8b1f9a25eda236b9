"""Write the provider mapping page's table from ``capabilities.py``, or check that the page is up to date."""

from generated import write_or_check

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


if __name__ == "__main__":
    write_or_check(__doc__, table())
