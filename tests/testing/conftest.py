import pulumi
import pytest

from inference_edge_cache.testing import record


class Site(pulumi.ComponentResource):
    """A component with two children, one of them below the other."""

    def __init__(self, name, inputs=None, opts=None, *, outputs=None):
        super().__init__("test:web:Site", name, inputs, opts)
        self.bucket = Thing(f"{name}-bucket", {"size": 1}, pulumi.ResourceOptions(parent=self))
        self.page = Thing(f"{name}-page", {"in": self.bucket.id}, pulumi.ResourceOptions(parent=self.bucket))
        if outputs is not None:
            self.register_outputs(outputs(self))


class Thing(pulumi.CustomResource):
    """A resource of a type no table knows, with one computed output."""

    arn: pulumi.Output[str]

    def __init__(self, name, inputs=None, opts=None, type_="aws:things/thing:Thing"):
        super().__init__(type_, name, {"arn": None, "size": None, **(inputs or {})}, opts)


@pytest.fixture(params=[False, True], ids=["up", "preview"])
def preview(request):
    return request.param


@pytest.fixture
def recorded(preview):
    """Records in the mode under test."""
    return lambda program, **more: record(program, preview=preview, **more)


@pytest.fixture
def thing():
    return Thing


@pytest.fixture
def site():
    return Site
