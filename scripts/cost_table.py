"""Write the tables of the costs page from ``costs.py``, or check that the page is up to date."""

from collections.abc import Callable, Iterable

from generated import write_or_check

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.costs import EXAMPLES, PRICED, CostTable, Load, cost_of

BEGIN, END = "<!-- tables: begin (made by scripts/cost_table.py) -->", "<!-- tables: end -->"

LOADS: dict[str, Callable[[Load], str]] = {
    "repeats (`hit_ratio`)": lambda load: f"{load.hit_ratio:.0%}",
    "callers have the transport": lambda load: "yes" if load.transport else "no",
    "of the repeats, at the edge (`edge_ratio`)": lambda load: f"{load.edge_ratio:.0%}",
    "request, answer": lambda load: f"{load.request_bytes:,} B, {load.response_bytes:,} B",
    "results are kept (`kept_days`)": lambda load: f"{load.kept_days} d",
    "the model takes (`model_seconds`)": lambda load: f"{load.model_seconds} s",
    "the model costs (`model_usd`)": lambda load: f"{load.model_usd:.5f}",
}
TOTALS: dict[str, Callable[[CostTable], float | None]] = {
    "**the cache, in all**": lambda table: table.cache_usd,
    "the model, without the cache": lambda table: table.model_usd_without,
    "the model, behind the cache": lambda table: table.model_usd,
    "**saved, in all**": lambda table: table.saved_usd,
}


def money(usd: float | None) -> str:
    return "quote" if usd is None else f"{usd:,.2f}"


def rows(head: str, body: Iterable[tuple[str, Iterable[str]]]) -> list[str]:
    lines = [f"| {head} | {' | '.join(EXAMPLES)} |", f"|---|{'---:|' * len(EXAMPLES)}"]
    return lines + [f"| {name} | {' | '.join(cells)} |" for name, cells in body]


def bill(cloud: Cloud) -> list[str]:
    tables = [cost_of(load, cloud) for load in EXAMPLES.values()]
    by_line = zip(*(table.lines for table in tables), strict=True)
    body = [(lines[0].name, [money(line.usd) for line in lines]) for lines in by_line]
    if tables[0].unpriced:
        body += [("**the lines with a price**", [money(table.cache_usd) for table in tables])]
        return rows("US dollars", body)
    body += [(name, [money(of(table)) for table in tables]) for name, of in TOTALS.items()]
    pays = [f"{table.pays_from_usd:.6f}" for table in tables]
    return rows("US dollars", [*body, ("pays from, for one model call", pays)])


def page() -> str:
    loads = rows("a million requests", [(name, map(of, EXAMPLES.values())) for name, of in LOADS.items()])
    parts = [BEGIN, "", *loads, ""]
    for cloud, where in ((Cloud.AWS, "AWS, us-east-1"), (Cloud.GCP, "GCP, us-central1")):
        parts += [f"### {where}, prices of {PRICED}", "", *bill(cloud), ""]
    return "\n".join([*parts, END])


if __name__ == "__main__":
    write_or_check(__doc__, page())
