"""Tags as GCP labels."""

import pulumi

from inference_edge_cache.clouds.gcp.values import lifted
from inference_edge_cache.plan import EdgePlan
from inference_edge_cache.plan.labels import label_key, label_value


def labels(plan: EdgePlan) -> dict[str, pulumi.Input[str]] | None:
    """The tags of ``plan`` in the characters that labels may have; the plan has made sure that no two keys collide."""
    return {label_key(key): lifted(value, _text) for key, value in plan.tags} or None


def _text(value: object) -> str:
    return label_value(str(value))
