"""The emulator's process: ministack on a free port of 127.0.0.1, over TLS, with IAM enforced."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from cryptography.x509 import DNSName
from tls_kit import LOOPBACK, Authority, Certificates

from aws_emulator.shapes import problems

ACCOUNT = "123456789012"  # that of the recorded ARNs
REGION = "us-east-1"
START_SECONDS, STOP_SECONDS = 60, 2
ROOT = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
"""The keys of the emulated account's root user, who may do everything: IAM is enforced for everybody else."""


class InvalidCall(Exception):
    """Parameters that the API's model does not allow. The message names each."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator. ``writes`` are the names of the calls made through ``call`` that change something."""

    port: int
    certificates: Certificates
    log: Path
    writes: list[str] = field(default_factory=list[str])

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @cached_property
    def _clients(self) -> dict[tuple[str, str], Any]:
        return {}

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(**ROOT, region_name=REGION)

    def client(self, service: str, region: str = REGION) -> Any:
        """A boto3 client of the root user."""
        if (service, region) not in self._clients:
            config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, proxies={})
            self._clients[service, region] = self._session.client(
                service,
                region_name=region,
                endpoint_url=self.url,
                verify=str(self.certificates.authority),
                config=config,
            )
        return self._clients[service, region]

    def call(self, service: str, operation: str, *, region: str = REGION, **params: Any) -> Mapping[str, Any]:
        """Call ``operation`` (``PutObject``), after everything that its model says of the parameters is checked."""
        client = self.client(service, region)
        self.validate(service, operation, params)
        name = {api: python for python, api in client.meta.method_to_api_mapping.items()}[operation]
        answer = getattr(client, name)(**params)
        if not operation.startswith(("Get", "List", "Describe", "Head")):
            self.writes.append(operation)
        return answer

    def reset(self) -> None:
        """Forget everything that was made, and end the functions' processes."""
        request = urllib.request.Request(f"{self.url}/_ministack/reset", method="POST")
        with self.opener.open(request, timeout=START_SECONDS):
            self.writes.clear()

    @cached_property
    def opener(self) -> urllib.request.OpenerDirector:
        """Opens the emulator's own URLs, past any proxy of the machine's."""
        tls = urllib.request.HTTPSHandler(context=self.certificates.client())
        return urllib.request.build_opener(urllib.request.ProxyHandler({}), tls)

    def validate(self, service: str, operation: str, params: Mapping[str, Any]) -> None:
        """Raise ``InvalidCall`` for parameters that the API's model does not allow. Nothing is sent."""
        shape = self.client(service).meta.service_model.operation_model(operation).input_shape
        if found := problems(params, shape):
            raise InvalidCall(f"{operation}: " + "; ".join(found))


@contextmanager
def emulator(folder: Path) -> Iterator[Emulator]:
    """An emulator that is stopped, with everything it started, however the block ends."""
    names = (DNSName(name) for name in ("localhost", "*.example.com", "*.cloudfront.net"))
    certificates = Authority.new().certificates(folder, *names, LOOPBACK)
    log = folder / "emulator.log"
    # The socket is handed over, so nobody else can take the port in between.
    with socket.create_server(("127.0.0.1", 0)) as listening, log.open("wb") as output:
        port = listening.getsockname()[1]
        process = subprocess.Popen(
            _command(listening.fileno(), certificates),
            env=_environment(folder, port, certificates),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[listening.fileno()],
            start_new_session=True,
        )
    try:
        started = Emulator(port, certificates, log)
        _wait_until_ready(started, process)
        yield started
    finally:
        _stop(process)


def _command(listening: int, certificates: Certificates) -> list[str]:
    server = ["hypercorn", "--workers", "0", "--bind", f"fd://{listening}", "--log-level", "WARNING"]
    tls = ["--certfile", str(certificates.certificate), "--keyfile", str(certificates.key)]
    return [sys.executable, "-m", *server, *tls, "ministack.app:app"]


def _environment(folder: Path, port: int, certificates: Certificates) -> dict[str, str]:
    """Everything the process knows: nothing of the machine's own configuration, credentials or proxies."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONPATH": str(Path(__file__).parent / "loopback_only"),
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "WARNING",
        "AUTH": "true",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "LAMBDA_EXECUTOR": "local",
        "DOCKER_HOST": f"unix://{folder}/there-is-no-docker",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(certificates.certificate),
        "MINISTACK_SSL_KEY": str(certificates.key),
        # For what the emulator asks as a CDN, and for the functions it runs.
        "SSL_CERT_FILE": str(certificates.authority),
        "AWS_CA_BUNDLE": str(certificates.authority),
    }


def _wait_until_ready(started: Emulator, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), started.opener.open(f"{started.url}/_ministack/ready", timeout=START_SECONDS):
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise RuntimeError(f"the emulator did not start:\n{started.log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Asked first, then killed, with the functions' processes: they are of its group."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
