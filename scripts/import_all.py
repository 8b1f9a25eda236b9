"""Import every module of the package and make a cache on each cloud: what breaks first with an old dependency."""

import importlib
import pkgutil

import inference_edge_cache
from inference_edge_cache.testing import record

for module in pkgutil.walk_packages(inference_edge_cache.__path__, f"{inference_edge_cache.__name__}."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

for cloud in inference_edge_cache.Cloud:

    def program(cloud: inference_edge_cache.Cloud = cloud) -> None:
        inference_edge_cache.InferenceEdgeCache(
            "cache", {"cloud": cloud, "origin": {"url": "https://model.example.com"}, "bucket": {}}
        )

    record(program)
print("every module imports, and a cache can be made on each cloud")
