"""What is counted from logs, and dashboards."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from recorded import Rule

from gcp_rules.graph import DASHBOARD, FUNCTION, METRIC, Graph

NAME = re.compile(r"[A-Za-z0-9_.,+!*',()%/-]{1,100}")
EXTRACTOR = re.compile(r"(EXTRACT|REGEXP_EXTRACT)\(.+\)")
LAYOUTS = frozenset({"mosaicLayout", "gridLayout", "rowLayout", "columnLayout"})
MOST_COLUMNS, MOST_WIDGETS = 48, 100
USERS = "logging.googleapis.com/user/"
_OF_GOOGLE = {"edgecache.googleapis.com/edge_cache_route_rule/total_latencies": "DISTRIBUTION"}
"""Of the metrics that are shown, those that are no numbers (DOCS/monitoring/api/metrics_gcp_d_h)."""


def metrics_of_a_log_are_complete(graph: Graph) -> Iterator[str]:
    """A filter; at most 10 labels, each with what it is extracted by; what is extracted as a value is a distribution,
    which alone has buckets; all count changes. API LogMetric; DOCS/logging/quotas."""
    for one in graph.of(METRIC):
        descriptor = one.inputs.get("metricDescriptor", {})
        labels = [label["key"] for label in descriptor.get("labels", [])]
        extractors = one.inputs.get("labelExtractors", {})
        distribution = descriptor.get("valueType") == "DISTRIBUTION"
        if (
            not NAME.fullmatch(one.outputs["name"])
            or not one.inputs.get("filter")
            or len(labels) > 10
            or set(labels) != extractors.keys()
            or not all(EXTRACTOR.fullmatch(each) for each in extractors.values())
            or descriptor.get("metricKind") != "DELTA"
            or descriptor.get("valueType") not in ("INT64", "DISTRIBUTION")
            or distribution != ("valueExtractor" in one.inputs)
            or (not distribution and "bucketOptions" in one.inputs)
        ):
            yield one.name


def buckets_of_a_distribution_grow(graph: Graph) -> Iterator[str]:
    """At most 200, each larger than the one before. API Distribution.BucketOptions."""
    for one in graph.of(METRIC):
        grows = one.inputs.get("bucketOptions", {}).get("exponentialBuckets")
        if grows is not None and not (
            1 <= grows["numFiniteBuckets"] <= 200 and grows["growthFactor"] > 1 and grows["scale"] > 0
        ):
            yield one.name


def only_the_logs_of_the_graph_are_counted(graph: Graph) -> Iterator[str]:
    """One function's: another that logs the same fields is not counted here. API LogMetric.filter."""
    served = {one.outputs["name"] for one in graph.of(FUNCTION)}
    for one in graph.of(METRIC):
        if not set(re.findall(r'service_name="([^"]*)"', one.inputs.get("filter", ""))) & served:
            yield one.name


def dashboards_are_laid_out(graph: Graph) -> Iterator[str]:
    """A title and one layout: a mosaic of 1 to 48 columns, whose tiles lie within it and beside one another; 100
    widgets, each with a title and one kind of content. API Dashboard, MosaicLayout; DOCS/monitoring/quotas."""
    for one in graph.of(DASHBOARD):
        document = json.loads(one.inputs["dashboardJson"])
        mosaic = document.get("mosaicLayout", {})
        tiles, columns = mosaic.get("tiles", []), mosaic.get("columns", 0)
        taken = [
            (x, y)
            for tile in tiles
            for x in range(tile.get("xPos", 0), tile.get("xPos", 0) + tile["width"])
            for y in range(tile.get("yPos", 0), tile.get("yPos", 0) + tile["height"])
        ]
        if (
            not document.get("displayName")
            or LAYOUTS & document.keys() != {"mosaicLayout"}
            or not 1 <= columns <= MOST_COLUMNS
            or not 1 <= len(tiles) <= MOST_WIDGETS
            or len(set(taken)) < len(taken)
            or any(not 0 <= x < columns or y < 0 for x, y in taken)
            or any(len(tile["widget"].keys() - {"title"}) != 1 or not tile["widget"].get("title") for tile in tiles)
        ):
            yield one.name


def charts_show_what_is_there(graph: Graph) -> Iterator[str]:
    """Metrics of logs, and services, that are of the graph; by labels that the metric has. API TimeSeriesFilter."""
    metrics = {one.outputs["name"]: one.inputs["metricDescriptor"]["labels"] for one in graph.of(METRIC)}
    services = {one.outputs["name"] for one in [*graph.of(FUNCTION), *graph.services]}
    for one in graph.of(DASHBOARD):
        for shown in _filters(json.loads(one.inputs["dashboardJson"])):
            (metric,) = re.findall(r'metric\.type="([^"]*)"', shown["filter"])
            own = metric.removeprefix(USERS) if metric.startswith(USERS) else None
            named = set(re.findall(r'service_name"="([^"]*)"', shown["filter"]))
            asked = re.findall(r'metric\.label\."([^"]*)"', f"{shown['filter']} {shown['aggregation']}")
            if own is not None and not set(asked) <= {label["key"] for label in metrics.get(own, [])}:
                yield f"{one.name}: {metric} by {asked}"
            if (own is not None and own not in metrics) or (own is None and not named) or not named <= services:
                yield f"{one.name}: {metric} of {sorted(named)}"


def charts_add_up_what_can_be_added(graph: Graph) -> Iterator[str]:
    """A minute or more at a time; percentiles of distributions, and sums of the rest. API Aggregation."""
    kinds = {one.outputs["name"]: one.inputs["metricDescriptor"]["valueType"] for one in graph.of(METRIC)}
    for one in graph.of(DASHBOARD):
        for shown in _filters(json.loads(one.inputs["dashboardJson"])):
            (metric,) = re.findall(r'metric\.type="([^"]*)"', shown["filter"])
            distributed = kinds.get(metric.removeprefix(USERS), _OF_GOOGLE.get(metric)) == "DISTRIBUTION"
            aggregation = shown["aggregation"]
            percentile = aggregation["crossSeriesReducer"].startswith("REDUCE_PERCENTILE")
            if int(aggregation["alignmentPeriod"].removesuffix("s")) < 60 or percentile != distributed:
                yield f"{one.name}: {metric}"


def _filters(value: Any) -> Iterator[Mapping[str, Any]]:
    """Whatever has a filter and how it is aggregated, however deep."""
    if isinstance(value, Mapping):
        if "filter" in value:
            yield value
        for item in value.values():
            yield from _filters(item)
    elif isinstance(value, list):
        for item in value:
            yield from _filters(item)


RULES: tuple[Rule, ...] = (
    metrics_of_a_log_are_complete,
    buckets_of_a_distribution_grow,
    only_the_logs_of_the_graph_are_counted,
    dashboards_are_laid_out,
    charts_show_what_is_there,
    charts_add_up_what_can_be_added,
)
