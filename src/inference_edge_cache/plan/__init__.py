"""Arguments and policies become a plan. Pure: no Pulumi resource, no cloud SDK."""

from inference_edge_cache.plan.build import make_plan
from inference_edge_cache.plan.model import EdgePlan

__all__ = ["EdgePlan", "make_plan"]
