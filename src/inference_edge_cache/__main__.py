"""Hosts the component for programs in other languages. Pulumi's engine starts it: see ``PulumiPlugin.yaml``."""

from pulumi.provider.experimental import component_provider_host

from inference_edge_cache import InferenceEdgeCache, __version__

if __name__ == "__main__":
    component_provider_host([InferenceEdgeCache], "inference-edge-cache", version=__version__)
