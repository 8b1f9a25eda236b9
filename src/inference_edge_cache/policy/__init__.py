"""What to cache, for how long, under which key. Knows no cloud and no Pulumi."""

from inference_edge_cache.policy.durations import format_seconds, parse_seconds
from inference_edge_cache.policy.files import dump_policy, load_policy, parse_policy
from inference_edge_cache.policy.inference import Determinism, Dialect, InferencePolicy
from inference_edge_cache.policy.inference_presets import INFERENCE_PRESETS, InferencePreset
from inference_edge_cache.policy.models import CacheKey, CacheMode, CachePolicy, QueryMode
from inference_edge_cache.policy.presets import PRESETS, Preset
from inference_edge_cache.policy.rules import policy_problems
from inference_edge_cache.policy.rules_inference import inference_problems

__all__ = [
    "INFERENCE_PRESETS",
    "PRESETS",
    "CacheKey",
    "CacheMode",
    "CachePolicy",
    "Determinism",
    "Dialect",
    "InferencePolicy",
    "InferencePreset",
    "Preset",
    "QueryMode",
    "dump_policy",
    "format_seconds",
    "inference_problems",
    "load_policy",
    "parse_policy",
    "parse_seconds",
    "policy_problems",
]
