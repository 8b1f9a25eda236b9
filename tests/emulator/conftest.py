"""One emulator for all these tests, and a stack for each."""

from collections.abc import Iterator

import pytest
from aws_emulator.deployer import Stack
from aws_emulator.process import Emulator, emulator
from model_kit import Servers


@pytest.fixture(scope="session")
def aws(tmp_path_factory) -> Iterator[Emulator]:
    """A running emulator. boto3 reads nothing of the machine's own configuration."""
    folder = tmp_path_factory.mktemp("aws")
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("AWS_PROFILE", raising=False)
        environment.delenv("AWS_SESSION_TOKEN", raising=False)
        environment.setenv("AWS_CONFIG_FILE", str(folder / "no-config"))
        environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "no-credentials"))
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with emulator(folder) as running:
            yield running


@pytest.fixture
def stack(aws) -> Iterator[Stack]:
    """A stack in an empty account."""
    yield Stack(aws)
    aws.reset()


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Servers for models."""
    servers = Servers()
    yield servers
    servers.stop()
