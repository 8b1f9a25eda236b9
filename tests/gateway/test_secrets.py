"""Master secrets, from Secrets Manager (moto's server) and from Secret Manager's REST API (a server of our own)."""

import base64
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import boto3
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from http_kit import Handler, listening, moto_server

from inference_edge_cache.gateway import secrets
from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.secrets import master_secrets, secret_headers

NEW = "a master secret that is new, and long enough"
OLD = "a master secret that is old, and long enough"


def refused(spec, environ=None):
    """What is said of a spec that cannot be used."""
    with pytest.raises(GatewayConfigError) as caught:
        master_secrets(spec, environ or {})
    assert caught.value.__cause__ is None  # nothing of an SDK's own words is printed with it
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize("spec", ["", "env", "env:", NEW, "vault:x", "AWS:x", "aws:"])
def test_a_spec_names_a_place_and_is_never_the_secret_itself(spec):
    assert refused(spec) == "a master secret is named by env:..., aws:..., gcp:..."


# --- Environment --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_text_of_a_variable(end):
    assert master_secrets("env:MINE", {"MINE": NEW + end}) == (NEW.encode(),)


def test_a_variable_that_is_not_set_or_too_short():
    assert refused("env:MINE") == "the variable that holds the master secret is not set"
    assert refused("env:MINE", {"MINE": "hunter2"}) == "the master secret has less than 32 bytes"


# --- AWS ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def aws(moto, monkeypatch):
    """A client of Secrets Manager, empty before each test."""
    for name, value in {
        "AWS_ENDPOINT_URL": moto,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("secretsmanager")
    for secret in client.list_secrets()["SecretList"]:
        client.delete_secret(SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)
    return client


def test_the_current_version_alone_where_there_is_no_other(aws):
    aws.create_secret(Name="master", SecretString=NEW + "\n")
    assert master_secrets("aws:master") == (NEW.encode(),)


def test_the_current_version_then_the_previous_one(aws):
    arn = aws.create_secret(Name="master", SecretString=OLD)["ARN"]
    aws.put_secret_value(SecretId="master", SecretString=NEW)
    assert master_secrets("aws:master") == (NEW.encode(), OLD.encode())
    assert master_secrets(f"aws:{arn}") == (NEW.encode(), OLD.encode())


def test_a_binary_secret(aws):
    aws.create_secret(Name="master", SecretBinary=bytes(range(32)))
    assert master_secrets("aws:master") == (bytes(range(32)),)


def test_a_placeholder_that_was_there_before_is_no_master(aws):
    aws.create_secret(Name="master", SecretString="to be replaced")
    assert refused("aws:master") == "the master secret has less than 32 bytes"
    aws.put_secret_value(SecretId="master", SecretString=NEW)
    assert master_secrets("aws:master") == (NEW.encode(),)


def test_a_version_without_a_value_is_none(aws, monkeypatch):
    empty = {"ResponseMetadata": {}}
    found = {"AWSCURRENT": {"SecretString": NEW}, "AWSPREVIOUS": empty}

    def get(self, operation, params):
        return found[params["VersionStage"]]

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", get)
    assert master_secrets("aws:master") == (NEW.encode(),)
    found["AWSCURRENT"] = empty
    assert refused("aws:master") == "the master secret has less than 32 bytes"


def test_headers_are_those_of_one_version(aws):
    made = aws.create_secret(Name="headers", SecretString='{"x-api-key": "old"}')
    aws.put_secret_value(SecretId="headers", SecretString='{"x-api-key": "new"}')
    assert secret_headers(f"aws:{made['ARN']}@{made['VersionId']}") == {"x-api-key": "old"}


def test_headers_of_a_version_that_is_not_there(aws):
    arn = aws.create_secret(Name="headers", SecretString="{}")["ARN"]
    with pytest.raises(GatewayConfigError, match="Secrets Manager refused: ResourceNotFoundException"):
        secret_headers(f"aws:{arn}@{'0' * 32}")


def test_headers_where_there_is_no_sdk(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(GatewayConfigError, match="headers by aws: needs boto3, which is not installed"):
        secret_headers("aws:arn:aws:secretsmanager:us-east-1:1:secret:x@1")


def test_the_region_is_the_one_in_the_arn(aws, monkeypatch):
    arn = boto3.client("secretsmanager", region_name="us-west-2").create_secret(Name="far", SecretString=NEW)["ARN"]
    assert ":us-west-2:" in arn
    assert master_secrets(f"aws:{arn}") == (NEW.encode(),)
    assert refused("aws:far") == "Secrets Manager refused: ResourceNotFoundException"


def test_secrets_manager_out_of_reach(aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert refused("aws:master") == "Secrets Manager could not be asked: EndpointConnectionError"


@pytest.mark.parametrize(("spec", "package"), [("aws:master", "boto3"), ("gcp:master", "google.auth")])
def test_an_sdk_that_is_not_installed_is_named(monkeypatch, spec, package):
    monkeypatch.setitem(sys.modules, package, None)
    assert refused(spec) == f"a master secret by {spec[:3]}: needs {package}, which is not installed"


# --- Google Cloud -------------------------------------------------------------------------------------------------

LATEST = "projects/p/secrets/master/versions/latest"


@dataclass
class SecretManager:
    """Answers as Secret Manager does: ``versions`` is the payload of each enabled version, ``states`` the others."""

    versions: dict[int, bytes] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, str]:
        self.asked.append(path)
        version = path.removeprefix("/v1/projects/p/secrets/master/versions/").removesuffix(":access")
        number = max(self.versions) if version == "latest" else int(version)
        if version in self.refusals:
            return self.refusals[version]
        if number not in self.versions:
            return 404, json.dumps({"error": {"status": "NOT_FOUND"}})
        data = base64.b64encode(self.versions[number]).decode()
        return 200, json.dumps({"name": f"projects/1/secrets/master/versions/{number}", "payload": {"data": data}})


@pytest.fixture(scope="module")
def service_account() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, shape = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, shape, serialization.NoEncryption()).decode()


@pytest.fixture
def gcp(tmp_path, monkeypatch, service_account) -> Iterator[SecretManager]:
    """Secret Manager and Google's token endpoint, and the credentials of a service account for both."""
    manager = SecretManager()

    class Answering(Handler):
        def do_POST(self):
            self.body()
            self.answer(200, json.dumps({"access_token": "the-token", "expires_in": 3600, "token_type": "Bearer"}))

        def do_GET(self):
            if self.headers["authorization"] != "Bearer the-token":
                self.answer(401, "{}")
            else:
                self.answer(*manager.answer(self.path))

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

    with listening(Answering) as port:
        url = f"http://127.0.0.1:{port}"
        account = {
            "type": "service_account",
            "private_key": service_account,
            "client_email": "gateway@p.iam.gserviceaccount.com",
            "token_uri": f"{url}/token",
        }
        file = tmp_path / "credentials.json"
        file.write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        monkeypatch.setattr(secrets, "SECRET_MANAGER", f"{url}/v1/")
        yield manager


def test_the_first_version_of_a_secret(gcp):
    gcp.versions = {1: NEW.encode() + b"\n"}
    assert master_secrets(f"gcp:{LATEST}") == (NEW.encode(),)
    assert len(gcp.asked) == 1


def test_the_latest_version_then_the_one_before_it(gcp):
    gcp.versions = {1: b"x" * 40, 2: OLD.encode(), 3: NEW.encode()}
    assert master_secrets(f"gcp:{LATEST}") == (NEW.encode(), OLD.encode())


@pytest.mark.parametrize("status", [400, 404])
def test_a_version_before_it_that_is_disabled_or_destroyed_does_not_count(gcp, status):
    gcp.versions = {1: b"x" * 40, 3: NEW.encode()}
    gcp.refusals = {"2": (status, '{"error": {"status": "FAILED_PRECONDITION"}}')}
    assert master_secrets(f"gcp:{LATEST}") == (NEW.encode(),)


def test_a_version_that_is_named_counts_alone(gcp):
    gcp.versions = {1: OLD.encode(), 2: NEW.encode()}
    assert master_secrets("gcp:projects/p/secrets/master/versions/2") == (NEW.encode(),)


@pytest.mark.parametrize("version", ["latest", "1"])
def test_what_secret_manager_refuses_is_told_by_its_status(gcp, version):
    gcp.versions = {1: OLD.encode(), 2: NEW.encode()}
    gcp.refusals = {version: (403, f"the caller may not read {NEW}")}
    said = refused(f"gcp:{LATEST}")
    assert said.startswith("Secret Manager refused")
    assert said.endswith(": 403")


@pytest.mark.parametrize(
    "body",
    [
        NEW,
        "[]",
        "{}",
        '{"name": "x", "payload": {"data": ""}}',
        '{"name": "x/1", "payload": {"data": "!"}}',
        '{"name": 1, "payload": null}',
    ],
)
def test_an_answer_that_is_no_version_is_not_shown(gcp, body):
    gcp.versions = {1: NEW.encode()}
    gcp.refusals = {"latest": (200, body)}
    assert refused(f"gcp:{LATEST}") == "Secret Manager answered something other than a secret's version"


@pytest.mark.parametrize("name", ["master", "projects/p/secrets/master", LATEST + "/../x", LATEST + "\n"])
def test_a_name_that_secret_manager_does_not_have(gcp, name):
    assert "projects/P/secrets/S/versions/latest" in refused(f"gcp:{name}")
    assert gcp.asked == []


def test_secret_manager_out_of_reach(gcp, monkeypatch):
    monkeypatch.setattr(secrets, "SECRET_MANAGER", "http://127.0.0.1:1/v1/")
    assert refused(f"gcp:{LATEST}") == "Secret Manager could not be asked: MaxRetryError"


def test_no_credentials_for_secret_manager(gcp, monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    assert refused(f"gcp:{LATEST}") == "no credentials for Secret Manager: DefaultCredentialsError"


def test_headers_of_secret_manager_are_those_of_one_version(gcp):
    gcp.versions = {1: b'{"x-api-key": "old"}', 2: b'{"x-api-key": "new"}'}
    assert secret_headers("gcp:projects/p/secrets/master/versions/1") == {"x-api-key": "old"}
    assert len(gcp.asked) == 1


@pytest.mark.parametrize("name", ["master", LATEST, "projects/p/secrets/master", "projects/p/secrets/m/versions/0"])
def test_headers_of_secret_manager_name_their_version(gcp, name):
    with pytest.raises(GatewayConfigError, match="headers are named by"):
        secret_headers(f"gcp:{name}")
    assert gcp.asked == []


def test_headers_that_secret_manager_refuses(gcp):
    gcp.refusals = {"3": (403, f"the caller may not read {NEW}")}
    with pytest.raises(GatewayConfigError, match=r"^Secret Manager refused: 403$"):
        secret_headers("gcp:projects/p/secrets/master/versions/3")


def test_headers_where_there_is_no_google_auth(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(GatewayConfigError, match=r"headers by gcp: needs google\.auth, which is not installed"):
        secret_headers("gcp:projects/p/secrets/master/versions/1")
