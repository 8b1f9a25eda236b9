"""Secrets from where they are kept: Secrets Manager, Secret Manager, or, on one's own machine, the environment.

No error here holds a secret, an answer's body or what a cloud's SDK said: that may quote either.
"""

import base64
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.protocol import KeyMaterialError, api_key_of_scope
from inference_edge_cache.protocol.keys import PUBLIC_SCOPE

SECRET_MANAGER = "https://secretmanager.googleapis.com/v1/"  # noqa: S105  # an address

_CONNECT_SECONDS, _READ_SECONDS = 2.0, 5.0
_GCP_NAME = re.compile(r"(projects/[A-Za-z0-9:._-]+/secrets/[A-Za-z0-9_-]+/versions/)(latest|[1-9][0-9]*)")


def master_secrets(spec: str, environ: Mapping[str, str] = os.environ) -> tuple[bytes, ...]:
    """The master secrets that ``spec`` names, the current one first. Raises ``GatewayConfigError``.

    - ``env:NAME``: the text of a variable; one secret.
    - ``aws:<ARN or name>``: the versions AWSCURRENT and, where there is one, AWSPREVIOUS
      (docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html). Needs boto3.
    - ``gcp:projects/P/secrets/S/versions/latest``: the latest version and, if it is enabled, the one before it; with a
      number in place of ``latest`` that version alone. Needs google-auth and urllib3, and no other role than
      ``roles/secretmanager.secretAccessor``.

    The end of a line after a secret is not part of it: editors add one. A previous version under 32 bytes never was a
    master secret, and is left out.
    """
    kind, _, name = spec.partition(":")
    source = _SOURCES.get(kind)
    if source is None or not name:
        raise GatewayConfigError(f"a master secret is named by {', '.join(f'{kind}:...' for kind in _SOURCES)}")
    try:
        found = source(name, environ)
    except ImportError as error:
        raise GatewayConfigError(f"a master secret by {kind}: needs {error.name}, which is not installed") from None
    current, *previous = (secret.rstrip(b"\r\n") for secret in found)
    if not _usable(current):
        raise GatewayConfigError("the master secret has less than 32 bytes")
    return (current, *filter(_usable, previous))


def secret_headers(spec: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The headers that ``spec`` names: a JSON object, from name to value. Raises ``GatewayConfigError``.

    - ``env:NAME``: the text of a variable.
    - ``aws:<ARN>@<version id>``: that version, so that what runs has the headers it was deployed with. Needs boto3.
    - ``gcp:projects/P/secrets/S/versions/N``: likewise. Needs google-auth and urllib3.
    """
    kind, _, name = spec.partition(":")
    arn, _, version = name.rpartition("@")
    if kind == "env" and name:
        text = environ.get(name, "").encode("utf-8", "surrogateescape")
    elif (kind == "aws" and arn and version) or (kind == "gcp" and _is_one_version(name)):
        try:
            (text,) = _versions_of_aws(arn, [{"VersionId": version}]) if kind == "aws" else _from_gcp(name, environ)
        except ImportError as error:
            raise GatewayConfigError(f"headers by {kind}: needs {error.name}, which is not installed") from None
    else:
        raise GatewayConfigError(
            "headers are named by env:NAME, aws:ARN@VERSION or gcp:projects/P/secrets/S/versions/N"
        )
    try:
        headers = json.loads(text)
    except ValueError:
        headers = None
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise GatewayConfigError("the headers are not a JSON object of texts")
    return headers


def _is_one_version(name: str) -> bool:
    found = _GCP_NAME.fullmatch(name)
    return found is not None and found[2] != "latest"


def _usable(secret: bytes) -> bool:
    try:
        api_key_of_scope(secret, PUBLIC_SCOPE)
    except KeyMaterialError:
        return False
    return True


def _from_environment(name: str, environ: Mapping[str, str]) -> list[bytes]:
    if name not in environ:
        raise GatewayConfigError("the variable that holds the master secret is not set")
    return [os.fsencode(environ[name])]


def _from_aws(name: str, environ: Mapping[str, str]) -> list[bytes]:
    return _versions_of_aws(name, [{"VersionStage": "AWSCURRENT"}, {"VersionStage": "AWSPREVIOUS"}])


def _versions_of_aws(name: str, versions: Sequence[Mapping[str, str]]) -> list[bytes]:
    """The first of ``versions``, which has to be there, and those of the others that are."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    # arn:<partition>:secretsmanager:<region>:...; a name lies in the region that the program runs in.
    region = name.split(":")[3] if name.startswith("arn:") and name.count(":") > 3 else None
    config = Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries={"total_max_attempts": 2})
    secrets = list[bytes]()
    try:
        client = boto3.client("secretsmanager", region_name=region, config=config)
        for version in versions:
            try:
                secrets.append(_text_or_binary(client.get_secret_value(SecretId=name, **version)))
            except client.exceptions.ResourceNotFoundException:
                if version is versions[0]:
                    raise
    except ClientError as error:
        raise GatewayConfigError(f"Secrets Manager refused: {error.response['Error']['Code']}") from None
    except BotoCoreError as error:
        raise GatewayConfigError(f"Secrets Manager could not be asked: {type(error).__name__}") from None
    return secrets


def _text_or_binary(version: Mapping[str, Any]) -> bytes:
    """Nothing for a version that was made without a value."""
    return version["SecretString"].encode() if "SecretString" in version else version.get("SecretBinary", b"")


def _from_gcp(name: str, environ: Mapping[str, str]) -> list[bytes]:
    """cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access."""
    import google.auth
    import google.auth.exceptions
    import google.auth.transport.urllib3
    import urllib3

    named = _GCP_NAME.fullmatch(name)
    if named is None:
        raise GatewayConfigError("a secret of Secret Manager is named projects/P/secrets/S/versions/latest")
    http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS), retries=1)
    try:
        credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        credentials.refresh(google.auth.transport.urllib3.Request(http))
        headers = dict[str, str]()
        credentials.apply(headers)

        def access(version: str) -> tuple[int, bytes]:
            answer = http.request("GET", f"{SECRET_MANAGER}{named[1]}{version}:access", headers=headers)
            return answer.status, answer.data

        return _versions(access, named[2])
    except google.auth.exceptions.GoogleAuthError as error:
        raise GatewayConfigError(f"no credentials for Secret Manager: {type(error).__name__}") from None
    except urllib3.exceptions.HTTPError as error:
        raise GatewayConfigError(f"Secret Manager could not be asked: {type(error).__name__}") from None


def _versions(access: Callable[[str], tuple[int, bytes]], version: str) -> list[bytes]:
    status, body = access(version)
    if status != 200:
        raise GatewayConfigError(f"Secret Manager refused: {status}")
    number, current = _payload(body)
    if version != "latest" or number == 1:
        return [current]
    # The numbers of a secret's versions follow one another.
    status, body = access(str(number - 1))
    if status in (400, 404):  # disabled or destroyed; never there
        return [current]
    if status != 200:
        raise GatewayConfigError(f"Secret Manager refused the version before the latest: {status}")
    return [current, _payload(body)[1]]


def _payload(body: bytes) -> tuple[int, bytes]:
    """The number and the text of a version."""
    try:
        version = json.loads(body)
        return int(version["name"].rpartition("/")[2]), base64.b64decode(version["payload"]["data"], validate=True)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise GatewayConfigError("Secret Manager answered something other than a secret's version") from None


_SOURCES: dict[str, Callable[[str, Mapping[str, str]], list[bytes]]] = {
    "env": _from_environment,
    "aws": _from_aws,
    "gcp": _from_gcp,
}
