"""One cache on GCP, run under mocks."""

import pytest

from inference_edge_cache import InferenceEdgeCache
from inference_edge_cache.testing import record


@pytest.fixture(params=[False, True], ids=["up", "preview"])
def preview(request):
    return request.param


@pytest.fixture
def deployed():
    """Records a program that makes one cache, ``embeddings``, in front of model.example.com."""

    def run(*, preview=False, **args):
        def program():
            given = {name: value() if callable(value) else value for name, value in args.items()}
            InferenceEdgeCache("embeddings", {"cloud": "gcp", "origin": {"url": "https://model.example.com"}, **given})

        return record(program, preview=preview)

    return run


@pytest.fixture
def rules(deployed):
    """The route rules of that cache, in the order in which they are registered."""

    def run(**args):
        routing = deployed(**args).one("EdgeCacheService").inputs["routing"]
        return routing["pathMatchers"][0]["routeRules"]

    return run
