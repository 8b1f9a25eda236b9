"""A gateway from its environment: the variables that the deployment sets, and the configuration in the archive."""

import functools
import json
import math
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.gateway.config import GatewayConfig, GatewayConfigError, parse_gateway_config
from inference_edge_cache.gateway.doors import Guarded, Handles, one_of, uploads_to
from inference_edge_cache.gateway.gateway import Gateway
from inference_edge_cache.gateway.keyring import Keyring
from inference_edge_cache.gateway.logs import RequestLog
from inference_edge_cache.gateway.messages import Deadline, Request, Response
from inference_edge_cache.gateway.model import Model
from inference_edge_cache.gateway.secrets import master_secrets, secret_headers
from inference_edge_cache.gateway.store import Store
from inference_edge_cache.protocol import parse_path
from inference_edge_cache.protocol.paths import BUCKET_FROM

STORE = "INFERENCE_EDGE_CACHE_STORE"
MODEL = "INFERENCE_EDGE_CACHE_MODEL"
MODEL_HEADERS = "INFERENCE_EDGE_CACHE_MODEL_HEADERS_SOURCE"
MASTER = "INFERENCE_EDGE_CACHE_MASTER_SOURCE"
ORIGIN_PROOF = "INFERENCE_EDGE_CACHE_ORIGIN_PROOF"
ORIGIN_SECRET = "INFERENCE_EDGE_CACHE_ORIGIN_SECRET"  # noqa: S105  # a variable's name
UPLOADS = "INFERENCE_EDGE_CACHE_UPLOADS"
TIMEOUT = "INFERENCE_EDGE_CACHE_TIMEOUT"

CONFIG_NAME = "gateway.json"
CONFIG_FILE = Path(__file__).parents[2] / CONFIG_NAME
"""The configuration lies beside the package, at the archive's root."""

DEFAULT_TIMEOUT = 300.0
"""Seconds for an answer: what Cloud Run gives a request (cloud.google.com/run/docs/configuring/request-timeout)."""

LONGEST_TIMEOUT = 3600.0
"""Seconds; the same page. A Lambda function has at most 900."""

MIN_ORIGIN_SECRET = 16

PROOF_BY_MASTER = "master"
"""The CDN proves itself with what follows from the master secret: a rotation of the one is one of the other."""

MASTER_VERSION = "INFERENCE_EDGE_CACHE_MASTER_VERSION"
"""Not read: a deployment that changes it starts the gateway anew. One that runs looks for a new master secret once a
minute at most, and until then would refuse the proof that follows from it."""

UPLOADS_BY_KEY = "keyed"
"""A POST with an API key may come past the CDN: the gateway's own URL is in the discovery document."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class DeployedGateway:
    """A gateway with what its front door needs to know."""

    gateway: Handles
    config: GatewayConfig
    timeout: float
    """Seconds for an answer."""

    def handle(self, request: Request, deadline: Deadline, *, live: bool = False) -> Response:
        """As ``Gateway.handle``, for those who are let in."""
        return self.gateway.handle(request, deadline, live=live)

    def refused(self, request: Request) -> Response | None:
        """Why ``request`` is not let in. A front door asks before it reads the body."""
        return self.gateway.refused(request) if isinstance(self.gateway, Guarded) else None

    @functools.cached_property
    def log(self) -> RequestLog:
        """Where its front door writes a line for each request."""
        return RequestLog.of(self.config)

    @property
    def max_body_bytes(self) -> int:
        """The longest body that is taken."""
        return self.config.longest_body

    def in_the_bucket_of_the_cdn(self, path: str) -> bool:
        """Whether the CDN finds what is stored at ``path`` by itself, without the gateway."""
        parts = parse_path(path)
        rules = self.config.results.get(parts.route) if parts else None
        return rules is not None and rules.result_max_age >= BUCKET_FROM


def gateway_from(environ: Mapping[str, str], config: bytes) -> DeployedGateway:
    """The gateway that ``environ`` and the configuration describe.

    - ``INFERENCE_EDGE_CACHE_STORE``: where results are kept, such as ``s3://bucket``.
    - ``INFERENCE_EDGE_CACHE_MODEL``: which model is asked, in JSON.
    - ``INFERENCE_EDGE_CACHE_MODEL_HEADERS_SOURCE``: where the headers of an https model are kept, if not in the
      variable before; see ``secret_headers``.
    - ``INFERENCE_EDGE_CACHE_MASTER_SOURCE``: where the master secret is kept, see ``master_secrets``. Only with public
      access there is none.
    - ``INFERENCE_EDGE_CACHE_ORIGIN_SECRET``: what the CDN proves itself with, at least 16 characters; two of them,
      with a space between, during a rotation. Or ``INFERENCE_EDGE_CACHE_ORIGIN_PROOF``: ``master``, where it proves
      itself with what follows from the master secret. Without either, everyone is let in who can reach the gateway.
    - ``INFERENCE_EDGE_CACHE_UPLOADS``: ``keyed``, where a POST to a route that carries an API key is let in without
      that, too: what the CDN does not take is sent to the gateway itself. Default: nothing is.
    - ``INFERENCE_EDGE_CACHE_TIMEOUT``: seconds for an answer, 300 unless said otherwise.

    Raises ``GatewayConfigError`` with every problem at once. It names variables, never their values.
    """
    problems = list[str]()

    def made(name: str, make: Callable[[], _T]) -> _T | None:
        try:
            return make()
        except EdgeCacheError as error:
            problems.append(f"{name}: {error}")
        except ImportError as error:
            problems.append(f"{name}: needs {error.name}, which is not installed")
        except Exception as error:  # an SDK's own; its text may quote the value
            problems.append(f"{name}: {type(error).__name__}")
        return None

    parsed = made(CONFIG_NAME, lambda: parse_gateway_config(config))
    store = made(STORE, lambda: _store(_given(environ, STORE)))
    headers = made(MODEL_HEADERS, lambda: _headers(environ))
    model = made(MODEL, lambda: _model(_given(environ, MODEL), headers))
    keyring = made(MASTER, lambda: _keyring(environ, parsed.edge.access == "public" if parsed else None))
    secrets = made(ORIGIN_SECRET, lambda: _origin_secrets(environ.get(ORIGIN_SECRET)))
    proof = made(ORIGIN_PROOF, lambda: _proves_by_master(environ))
    by_key = made(UPLOADS, lambda: _takes_uploads(environ))
    timeout = made(TIMEOUT, lambda: _seconds(environ.get(TIMEOUT)))
    if problems or parsed is None or store is None or model is None or keyring is None or timeout is None:
        raise GatewayConfigError("the gateway cannot be set up:\n  " + "\n  ".join(problems))
    gateway = Gateway(parsed, keyring, store, model)
    knows = keyring.proves_origin if proof else one_of(secrets) if secrets else None
    if knows is None:
        return DeployedGateway(gateway, parsed, timeout)
    routes = frozenset(route.path for route in parsed.edge.routes)
    uploads = uploads_to(routes, keyring.caller) if by_key else None
    return DeployedGateway(Guarded(gateway, knows, uploads), parsed, timeout)


def deployed() -> DeployedGateway:
    """The gateway of this process, made when it is first asked for. Raises ``GatewayConfigError``, and tries anew."""
    with _MAKING:
        return _deployed()


_MAKING = threading.Lock()


@functools.cache
def _deployed() -> DeployedGateway:
    try:
        config = CONFIG_FILE.read_bytes()
    except OSError as error:
        raise GatewayConfigError(f"{CONFIG_NAME} cannot be read: {error.strerror}") from None
    return gateway_from(os.environ, config)


def _given(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise GatewayConfigError("is not set")
    return value


def _store(spec: str) -> Store:
    from inference_edge_cache.gateway.stores import store_from

    return store_from(spec)


def _headers(environ: Mapping[str, str]) -> Mapping[str, str]:
    return secret_headers(environ[MODEL_HEADERS], environ) if MODEL_HEADERS in environ else {}


def _model(spec: str, headers: Mapping[str, str] | None) -> Model | None:
    from inference_edge_cache.gateway.models import model_from

    if headers is None:  # they could not be read
        return None
    if not headers:
        return model_from(spec)
    try:
        model: Any = json.loads(spec)
        return model_from({"https": {**model["https"], "headers": headers}})
    except (ValueError, TypeError, KeyError, RecursionError):
        raise GatewayConfigError(f"is no https model, and {MODEL_HEADERS} gives headers to no other") from None


def _keyring(environ: Mapping[str, str], public: bool | None) -> Keyring | None:
    if public is None:  # the configuration does not tell
        return None
    if public:
        if MASTER in environ:
            raise GatewayConfigError(f"is set, but {CONFIG_NAME} says that access is public: one of both is wrong")
        return Keyring.public()
    spec = _given(environ, MASTER)
    return Keyring.rotating(lambda: master_secrets(spec, environ))


def _proves_by_master(environ: Mapping[str, str]) -> bool:
    value = environ.get(ORIGIN_PROOF)
    if value is None:
        return False
    if value != PROOF_BY_MASTER or ORIGIN_SECRET in environ or MASTER not in environ:
        raise GatewayConfigError(
            f"must be {PROOF_BY_MASTER!r}, with a master secret to follow from, and {ORIGIN_SECRET} not set"
        )
    return True


def _takes_uploads(environ: Mapping[str, str]) -> bool:
    value = environ.get(UPLOADS)
    if value is None:
        return False
    guarded = ORIGIN_PROOF in environ or ORIGIN_SECRET in environ
    if value != UPLOADS_BY_KEY or not guarded or MASTER not in environ:
        raise GatewayConfigError(
            f"must be {UPLOADS_BY_KEY!r}, with a master secret for the keys to follow from, and {ORIGIN_PROOF} or "
            f"{ORIGIN_SECRET}: without them everyone is let in"
        )
    return True


def _origin_secrets(text: str | None) -> tuple[bytes, ...]:
    if text is None:
        return ()
    secrets = text.split(" ")
    if len(secrets) > 2 or not all(_is_origin_secret(secret) for secret in secrets):
        raise GatewayConfigError(
            f"must be one secret of at least {MIN_ORIGIN_SECRET} visible ASCII characters, or two with a space between"
        )
    return tuple(secret.encode("ascii") for secret in secrets)


def _is_origin_secret(secret: str) -> bool:
    return len(secret) >= MIN_ORIGIN_SECRET and all("!" <= character <= "~" for character in secret)


def _seconds(text: str | None) -> float:
    try:
        seconds = DEFAULT_TIMEOUT if text is None else float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise GatewayConfigError(f"must be a number of seconds above 0, at most {LONGEST_TIMEOUT:.0f}")
    return seconds
