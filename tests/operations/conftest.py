"""A cloud to operate a cache on, and a model behind it."""

from collections.abc import Iterator

import pytest
from http_kit import gcs_server, moto_server
from operations_kit import Account, Model, aws_account, gcp_project, model_served


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="module")
def gcs() -> Iterator[str]:
    with gcs_server() as url:
        yield url


@pytest.fixture
def aws(monkeypatch, moto):
    return aws_account(monkeypatch, moto)


@pytest.fixture
def gcp(monkeypatch, gcs):
    with gcp_project(monkeypatch, gcs) as project:
        yield project


@pytest.fixture(params=["aws", "gcp"])
def account(request) -> Account:
    """A cache on either cloud."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def model() -> Iterator[Model]:
    with model_served() as model:
        yield model
