"""The tools are where ``make test`` has put them, in an environment of their own."""

import os

import pytest
from aws_audit import AUDITED, TOOLS, made_by_the_component


@pytest.fixture(scope="session")
def tools():
    """The tools are there. Else ``make test`` fails, which has installed them, and a run by hand goes without."""
    if (TOOLS / "checkov").exists() and (TOOLS / "parliament").exists():
        return
    reason = "checkov and parliament are not in .venv-audit: make .venv-audit/.ready"
    if os.environ.get("INFERENCE_EDGE_CACHE_AUDIT") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def graphs():
    """What the component makes in each program that is audited."""
    return {name: made_by_the_component(run()) for name, run in AUDITED.items()}
