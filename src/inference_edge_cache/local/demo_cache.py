"""The demo's cache: two edge locations in front of one model, with one results bucket, and two tenants."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.inference_rules import InferenceRoute
from inference_edge_cache.local.demo_model import DemoModel, demo_model
from inference_edge_cache.local.server import LocalEdge
from inference_edge_cache.policy import INFERENCE_PRESETS, PRESETS
from inference_edge_cache.protocol import derive_api_key

PRESET = "embeddings"
"""The name of two: of the one for POST, on the model's route, and of the one for GET, everywhere else."""


@dataclass(frozen=True)
class DemoCache:
    """A cache that runs: ``urls`` of its edge locations, ``keys`` of the tenants that may use it, its ``model``."""

    urls: tuple[str, str]
    keys: tuple[str, str] = field(repr=False)
    model: DemoModel


@contextmanager
def demo_cache(cloud: Cloud, port: int) -> Iterator[DemoCache]:
    """A cache and its model until the end of the block, the first location on ``port``.

    Raises what ``demo_model`` raises, and ``LocalEdgeError`` when the port is taken.
    """
    preset = INFERENCE_PRESETS[PRESET]
    route = InferenceRoute(path=preset.path, policy=preset.policy, inference=preset.inference)
    master = secrets.token_bytes(32)
    with ExitStack() as stack:
        # Its end comes last: until the model has stopped, what it says may still be stored.
        bucket = stack.enter_context(tempfile.TemporaryDirectory(prefix="inference-edge-cache-"))
        model = stack.enter_context(demo_model())

        def location(at: int) -> str:
            edge = LocalEdge(
                model.url, PRESETS[PRESET].policy, cloud, routes=[route], results=bucket, master_secret=master, port=at
            )
            return stack.enter_context(edge).url

        keys = derive_api_key(master, "one").text, derive_api_key(master, "two").text
        yield DemoCache((location(port), location(0)), keys, model)
