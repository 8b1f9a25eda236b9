"""The dashboard: Media CDN's metrics, Cloud Run's, and two that Cloud Logging counts from the gateway's log.

Its shape: cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards. The fields of the log are
``gateway.logs.FIELDS``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_gcp import logging, monitoring

from inference_edge_cache.gateway.logs import Tier

LABELS = ("route", "tier", "reason", "severity")
"""What a request is counted by. Each value is one of a few: a time series is kept, and charged, for each of them."""

_SECONDS = 60
_COLUMNS, _WIDTH, _HEIGHT = 48, 24, 16
_PER_ROW = _COLUMNS // _WIDTH

# From a millisecond to a good half hour, each half as long again: cloud.google.com/run has no longer requests.
_BUCKETS = logging.MetricBucketOptionsExponentialBucketsArgs(num_finite_buckets=36, growth_factor=1.5, scale=1)

_HITS = ("HIT", "PARTIAL", "REVALIDATED", "STALE")
"""Of ``cache_result``; BYPASSED and UNCACHEABLE are neither hit nor miss
(cloud.google.com/monitoring/api/metrics_gcp_d_h)."""

_ROUTE_RULE = "edgecache.googleapis.com/edge_cache_route_rule"

Filter = pulumi.Input[str]
Widget = Mapping[str, Any]


# Metrics of the log ---------------------------------------------------------------------------------------------------
def requests_metric_args(name: str, function: pulumi.Input[str]) -> logging.MetricArgs:
    """How many requests the gateway has answered, by route, tier, reason and severity."""
    labels = [logging.MetricMetricDescriptorLabelArgs(key=label, value_type="STRING") for label in LABELS]
    return logging.MetricArgs(
        description=f"Requests to the gateway of the edge cache {name}",
        filter=_lines(function),
        label_extractors={label: f"EXTRACT({_field(label)})" for label in LABELS},
        metric_descriptor=logging.MetricMetricDescriptorArgs(
            metric_kind="DELTA", value_type="INT64", unit="1", labels=labels
        ),
    )


def latency_metric_args(name: str, function: pulumi.Input[str]) -> logging.MetricArgs:
    """How long they took, by tier."""
    return logging.MetricArgs(
        description=f"Latency of the gateway of the edge cache {name}",
        filter=_lines(function),
        value_extractor="EXTRACT(jsonPayload.latency_ms)",
        label_extractors={"tier": "EXTRACT(jsonPayload.tier)"},
        bucket_options=logging.MetricBucketOptionsArgs(exponential_buckets=_BUCKETS),
        metric_descriptor=logging.MetricMetricDescriptorArgs(
            metric_kind="DELTA",
            value_type="DISTRIBUTION",
            unit="ms",
            labels=[logging.MetricMetricDescriptorLabelArgs(key="tier", value_type="STRING")],
        ),
    )


def _lines(function: pulumi.Input[str]) -> pulumi.Output[str]:
    """A line for each request, and nothing else that the function logs. A function is a service of Cloud Run's."""
    return pulumi.Output.concat(
        'resource.type="cloud_run_revision" AND resource.labels.service_name="', function, '" AND jsonPayload.tier:*'
    )


def _field(label: str) -> str:
    """Where Cloud Logging puts a field: ``severity`` is the entry's own (cloud.google.com/logging/docs/structured-
    logging)."""
    return label if label == "severity" else f"jsonPayload.{label}"


# Dashboard ------------------------------------------------------------------------------------------------------------
def dashboard_args(
    name: str,
    *,
    service: pulumi.Input[str],
    function: pulumi.Input[str],
    requests: pulumi.Input[str],
    latency: pulumi.Input[str],
) -> monitoring.DashboardArgs:
    """``service`` is Media CDN's, by name; ``requests`` and ``latency`` are the names of the log's two metrics."""
    charts = [*_of_the_edge(service), *_of_the_gateway(requests, latency), *_of_the_function(function)]
    tiles = [_placed(index, chart) for index, chart in enumerate(charts)]
    document = {"displayName": f"Edge cache {name}", "mosaicLayout": {"columns": _COLUMNS, "tiles": tiles}}
    return monitoring.DashboardArgs(dashboard_json=pulumi.Output.json_dumps(document))


def _placed(index: int, widget: Widget) -> Widget:
    row, column = divmod(index, _PER_ROW)
    place = {"xPos": column * _WIDTH, "yPos": row * _HEIGHT, "width": _WIDTH, "height": _HEIGHT}
    # The API hands back no zeros, and each run would find a change (hashicorp/terraform-provider-google#16173).
    return {**{name: value for name, value in place.items() if value}, "widget": widget}


def _of_the_edge(service: pulumi.Input[str]) -> list[Widget]:
    def of(metric: str, more: str = "") -> Filter:
        kind = f'metric.type="{_ROUTE_RULE}/{metric}" resource.type="edgecache.googleapis.com/EdgeCacheRouteRule"'
        return pulumi.Output.concat(kind, ' resource.label."service_name"="', service, f'"{more}')

    decided = _one_of("cache_result", (*_HITS, "MISS"))
    hit_rate = {
        "timeSeriesFilterRatio": {
            "numerator": {
                "filter": of("request_count", _one_of("cache_result", _HITS)),
                "aggregation": _aggregated("ALIGN_RATE", "REDUCE_SUM"),
            },
            "denominator": {
                "filter": of("request_count", decided),
                "aggregation": _aggregated("ALIGN_RATE", "REDUCE_SUM"),
            },
        }
    }
    return [
        _chart("Edge: requests by cache result", _counted(of("request_count"), "cache_result")),
        _chart("Edge: hit rate", [_data(hit_rate)]),
        _chart("Edge: requests by status", _counted(of("request_count"), "response_code_class")),
        _chart("Edge: latency (ms)", _percentiles(of("total_latencies"))),
        _chart("What reached bucket and gateway", _counted(of("origin_request_count"), "origin_name")),
    ]


def _of_the_gateway(requests: pulumi.Input[str], latency: pulumi.Input[str]) -> list[Widget]:
    def of(metric: pulumi.Input[str], more: str = "") -> Filter:
        return pulumi.Output.concat(
            'metric.type="logging.googleapis.com/user/', metric, f'" resource.type="cloud_run_revision"{more}'
        )

    saved = _one_of("tier", (Tier.STORE, Tier.COLLAPSED))
    asked = _one_of("tier", (Tier.MODEL, Tier.BYPASS))
    return [
        _chart("Gateway: requests by tier", _counted(of(requests), "tier")),
        _chart("Gateway: model calls saved", _counted(of(requests, saved), "route")),
        _chart("Gateway: why the model was asked", _counted(of(requests, asked), "tier", "reason")),
        _chart("Gateway: errors", _counted(of(requests, _one_of("severity", ("ERROR",))), "tier", "reason")),
        _chart("Gateway: latency (ms)", _percentiles(of(latency))),
    ]


def _of_the_function(function: pulumi.Input[str]) -> list[Widget]:
    """cloud.google.com/monitoring/api/metrics_gcp_p_z, run"""

    def of(metric: str) -> Filter:
        kind = f'metric.type="run.googleapis.com/{metric}" resource.type="cloud_run_revision"'
        return pulumi.Output.concat(kind, ' resource.label."service_name"="', function, '"')

    instances = _filtered(of("container/instance_count"), _aggregated("ALIGN_MAX", "REDUCE_SUM", "state"))
    return [
        _chart("Function: instances", [_data(instances, plot="STACKED_AREA")]),
        _chart("Function: answers by status", _counted(of("request_count"), "response_code_class")),
    ]


# Charts ---------------------------------------------------------------------------------------------------------------
def _chart(title: str, data: Sequence[Mapping[str, Any]]) -> Widget:
    return {"title": title, "xyChart": {"dataSets": list(data), "chartOptions": {"mode": "COLOR"}}}


def _data(query: Mapping[str, Any], *, plot: str = "LINE", legend: str | None = None) -> Mapping[str, Any]:
    named = {} if legend is None else {"legendTemplate": legend}
    return {"plotType": plot, "targetAxis": "Y1", "timeSeriesQuery": query, **named}


def _counted(counted: Filter, *labels: str) -> list[Mapping[str, Any]]:
    """How many in each minute, by the metric's ``labels``."""
    return [_data(_filtered(counted, _aggregated("ALIGN_DELTA", "REDUCE_SUM", *labels)), plot="STACKED_AREA")]


def _percentiles(distribution: Filter) -> list[Mapping[str, Any]]:
    return [
        _data(_filtered(distribution, _aggregated("ALIGN_DELTA", f"REDUCE_PERCENTILE_{percent}")), legend=f"p{percent}")
        for percent in ("50", "95")
    ]


def _filtered(query: Filter, aggregation: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"timeSeriesFilter": {"filter": query, "aggregation": aggregation}}


def _aggregated(aligner: str, reducer: str, *labels: str) -> Mapping[str, Any]:
    grouped = {"groupByFields": [f'metric.label."{label}"' for label in labels]} if labels else {}
    aggregation = {"alignmentPeriod": f"{_SECONDS}s", "perSeriesAligner": aligner, "crossSeriesReducer": reducer}
    return {**aggregation, **grouped}


def _one_of(label: str, values: Sequence[str]) -> str:
    """cloud.google.com/monitoring/api/v3/filters, ``one_of``"""
    given = ",".join(f'"{value}"' for value in values)
    return f' metric.label."{label}"=one_of({given})'
