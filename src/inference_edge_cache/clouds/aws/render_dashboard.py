"""The dashboard: CloudFront's metrics, the function's, and what the gateway's log says.

Its shape: docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html. The fields
of the log are ``gateway.logs.FIELDS``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudwatch

from inference_edge_cache.gateway.logs import Tier

CLOUDFRONT_REGION = "us-east-1"
"""Where CloudFront's metrics are (docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-
metrics.html)."""

PERIOD = 300
"""Seconds of a point in a graph."""

_WIDTH, _HEIGHT, _TEXT_HEIGHT = 12, 6, 2
_PER_ROW = 24 // _WIDTH

_ABOUT = (
    "**{name}** Answers of the edge and of the results bucket never reach the gateway: they are the requests to "
    "CloudFront less those to the function, other routes of the cache included. Everything that says *gateway* is "
    "counted from its log."
)

Widget = Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
    """What the dashboard is about. ``region`` is the function's and its log's."""

    region: pulumi.Input[str]
    distribution: pulumi.Input[str]
    function: pulumi.Input[str]
    log_group: pulumi.Input[str]


def dashboard_args(name: str, shown: Shown) -> cloudwatch.DashboardArgs:
    """A dashboard is named by whoever makes it, and no other one of the account may have that name: it has the
    function's, which Pulumi has made up."""
    body = pulumi.Output.json_dumps({"widgets": widgets(name, shown)})
    return cloudwatch.DashboardArgs(dashboard_name=shown.function, dashboard_body=body)


def widgets(name: str, shown: Shown) -> list[Widget]:
    """The widgets in their places, in rows of two below a text that is as wide as both."""
    about = {"x": 0, "y": 0, "width": 24, "height": _TEXT_HEIGHT}
    text = {"type": "text", **about, "properties": {"markdown": _ABOUT.format(name=name)}}
    graphs = [*_of_the_cache(shown), *_of_the_gateway(shown), *_of_the_function(shown)]
    return [text, *(_placed(index, graph) for index, graph in enumerate(graphs))]


def _placed(index: int, widget: Widget) -> Widget:
    row, column = divmod(index, _PER_ROW)
    x, y = column * _WIDTH, _TEXT_HEIGHT + row * _HEIGHT
    return {**widget, "x": x, "y": y, "width": _WIDTH, "height": _HEIGHT}


# Metrics --------------------------------------------------------------------------------------------------------------
def _of_the_cache(shown: Shown) -> list[Widget]:
    """The hit rate and the origin's latency are among the metrics of the monitoring subscription."""
    of_cloudfront = ["DistributionId", shown.distribution, "Region", "Global"]

    def metric(name: str, **options: Any) -> list[Any]:
        return ["AWS/CloudFront", name, *of_cloudfront, {"region": CLOUDFRONT_REGION, **options}]

    requests = metric("Requests", id="all", stat="Sum", visible=False)
    to_the_gateway = _lambda(shown, "Invocations", id="gateway", stat="Sum", label="reached the gateway")
    before = {"expression": "all - FILL(gateway, 0)", "id": "before", "label": "answered before it"}
    return [
        _metrics("Requests", shown.region, [[before], requests, to_the_gateway], stacked=True),
        _metrics("Edge hit rate (%)", CLOUDFRONT_REGION, [metric("CacheHitRate", stat="Average")]),
        _metrics(
            "Edge errors (%)",
            CLOUDFRONT_REGION,
            [metric(f"{kind}ErrorRate", stat="Average") for kind in ("4xx", "5xx")],
        ),
        _metrics(
            "Time to the first byte of bucket and gateway (ms)",
            CLOUDFRONT_REGION,
            [metric("OriginLatency", stat=stat, label=stat) for stat in ("p50", "p95")],
        ),
    ]


def _of_the_function(shown: Shown) -> list[Widget]:
    """docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
    return [
        _metrics(
            "Function: errors and throttles",
            shown.region,
            [_lambda(shown, name, stat="Sum") for name in ("Errors", "Throttles")],
        ),
        _metrics(
            "Function: requests at once",
            shown.region,
            [_lambda(shown, "ConcurrentExecutions", stat="Maximum")],
        ),
        _metrics(
            "Function: duration (ms)",
            shown.region,
            [_lambda(shown, "Duration", stat=stat, label=stat) for stat in ("p50", "p95")],
        ),
    ]


def _lambda(shown: Shown, name: str, **options: Any) -> list[Any]:
    return ["AWS/Lambda", name, "FunctionName", shown.function, {"region": shown.region, **options}]


def _metrics(title: str, region: pulumi.Input[str], metrics: Sequence[Any], *, stacked: bool = False) -> Widget:
    properties = {"title": title, "region": region, "metrics": metrics, "period": PERIOD, "view": "timeSeries"}
    return {"type": "metric", "properties": {**properties, "stacked": stacked}}


# Logs -----------------------------------------------------------------------------------------------------------------
def _of_the_gateway(shown: Shown) -> list[Widget]:
    """A graph over time takes several aggregations and no group but ``bin``
    (docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_Insights-Visualizing-Log-Data.html)."""
    by_tier = ", ".join(f'sum(strcontains(tier, "{tier}")) as {tier}' for tier in Tier)
    saved = f'tier in ["{Tier.STORE}", "{Tier.COLLAPSED}"]'
    asked = f'tier in ["{Tier.MODEL}", "{Tier.BYPASS}"]'
    every = f"by bin({PERIOD // 60}m)"
    return [
        _log("Gateway: requests by tier", shown, f"stats {by_tier} {every}", view="timeSeries", stacked=True),
        _log(
            "Gateway: model calls and tokens saved",
            shown,
            f"filter {saved}",
            "stats count(*) as model_calls_saved, sum(total_tokens) as tokens_saved by route",
        ),
        _log(
            "Gateway: latency (ms)",
            shown,
            f"stats pct(latency_ms, 50) as p50, pct(latency_ms, 95) as p95, pct(model_ms, 95) as model_p95 {every}",
            view="timeSeries",
        ),
        _log(
            "Gateway: errors",
            shown,
            'filter severity = "ERROR"',
            "stats count(*) as errors by route, status, tier, reason",
            "sort errors desc",
            "limit 20",
        ),
        _log(
            "Gateway: why the model was asked",
            shown,
            f"filter {asked}",
            "stats count(*) as requests, sum(total_tokens) as tokens by route, tier, reason",
            "sort requests desc",
            "limit 20",
        ),
    ]


def _log(title: str, shown: Shown, *steps: str, view: str = "table", stacked: bool = False) -> Widget:
    """``ispresent``: the function's own reports are in the same log."""
    steps = ("filter ispresent(tier)", *steps)
    query = pulumi.Output.concat("SOURCE '", shown.log_group, "' | ", " | ".join(steps))
    properties = {"title": title, "region": shown.region, "query": query, "view": view}
    return {"type": "log", "properties": {**properties, "stacked": stacked}}
