"""A file of requests, one JSON object in a line, in either of two forms.

::

    {"route": "/v1/embeddings", "body": {...}, "headers": {"openai-beta": "..."}}          headers may be left out
    {"custom_id": "1", "method": "POST", "url": "/v1/embeddings", "body": {...}}           OpenAI's batch files

The second form: platform.openai.com/docs/guides/batch. Empty lines do not count.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from inference_edge_cache.errors import EdgeCacheError
from inference_edge_cache.protocol import (
    ApiKey,
    Bypass,
    EdgeConfig,
    PathError,
    inference_path,
    request_key,
    storable_request,
)
from inference_edge_cache.protocol.strict_json import RefusedJson, parse, read, strict_decoder

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes. No route takes a body that is nearly as long."""

_DECODER = strict_decoder()
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_FORMS = ({"route", "body"}, {"custom_id", "method", "url", "body"})
_JSON = {"content-type": "application/json"}
# Who asks, and how the message itself is sent: nothing that a request in a file can decide.
_NOT_A_REQUESTS = frozenset(
    {"authorization", "connection", "content-encoding", "content-length", "cookie", "expect", "host", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "inference-cache", "inference-cache-ttl", "inference-payload"}
)


@dataclass(frozen=True)
class Line:
    """A request of a file. ``digest`` tells it from every other one, at this cache, of this generation, with this API
    key; ``refused`` says instead why its answer cannot be kept."""

    number: int
    route: str
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    digest: str = ""
    refused: str = ""


@dataclass(frozen=True)
class BadLine:
    """A line that is no request to this cache."""

    number: int
    why: str


def lines_of(file: Path, url: str, config: EdgeConfig, api_key: ApiKey) -> Iterator[Line | BadLine]:
    """The lines of ``file``, as requests to the cache at ``url``. Raises ``EdgeCacheError`` when it cannot be read."""
    try:
        with file.open("rb") as stream:
            number = 0
            while text := stream.readline(LONGEST_LINE + 1):
                number += 1
                if len(text) > LONGEST_LINE:
                    raise EdgeCacheError(f"{file}: line {number} has more than {LONGEST_LINE:,} bytes")
                if text.strip():
                    yield _line(number, text, url, config, api_key)
    except OSError as error:
        raise EdgeCacheError(f"{file}: {error.strerror}") from error


def _line(number: int, text: bytes, url: str, config: EdgeConfig, api_key: ApiKey) -> Line | BadLine:
    try:
        document = parse(read(text, LONGEST_LINE)[0], _DECODER)
    except (RefusedJson, RecursionError) as refused:
        return BadLine(number, f"not JSON that everybody reads alike ({getattr(refused, 'reason', 'too-deep')})")
    why = _wrong_form(document)
    if why:
        return BadLine(number, why)
    path = document.get("route", document.get("url"))
    route = config.route(path)
    if route is None:
        known = ", ".join(each.path for each in config.routes) or "none"
        return BadLine(number, f"no inference route of this cache; it has {known}")
    body = json.dumps(document["body"], separators=(",", ":")).encode()
    given = {name.lower(): value for name, value in document.get("headers", {}).items()}
    headers = tuple({**_JSON, **given}.items())
    preimage = storable_request(route.path, route.rules, headers, body)
    if isinstance(preimage, Bypass):
        return Line(number, path, body, headers, refused=str(preimage))
    try:
        place = inference_path(route.path, route.generation, api_key.scope, request_key(api_key.key, preimage))
    except PathError:
        return Line(number, path, body, headers, refused="path-length")
    return Line(number, path, body, headers, digest=sha256(f"{url}{place}".encode()).hexdigest())


def _wrong_form(document: Any) -> str:
    """What makes it neither of the two forms; empty when it is one."""
    if not isinstance(document, dict):
        return "not a JSON object"
    form = _FORMS["url" in document]
    missing, unknown = form - document.keys(), document.keys() - form - {"headers"}
    path = document.get("route", document.get("url", ""))
    problems = [
        *([f"{', '.join(sorted(missing))} missing"] if missing else []),
        *([f"{len(unknown)} unknown field{'s' if len(unknown) > 1 else ''}"] if unknown else []),
        *(["method is not POST"] if document.get("method", "POST") != "POST" else []),
        *(["route or url is not a text"] if not isinstance(path, str) else []),
        *(["body is not an object"] if not isinstance(document.get("body", {}), dict) else []),
        *_wrong_headers(document.get("headers", {})),
    ]
    return "; ".join(problems)


def _wrong_headers(headers: Any) -> list[str]:
    """Names are told apart by what is wrong with them, and not shown: what is a header here may be a secret."""
    if not isinstance(headers, Mapping):
        return ["headers is not an object"]
    names = [name.lower() for name in headers]
    usable = all(_NAME.fullmatch(name) for name in names) and len(set(names)) == len(names)
    usable = usable and all(isinstance(value, str) and _VALUE.fullmatch(value) for value in headers.values())
    return [
        *([] if usable else ["a header is not a name with one line of printable ASCII, or stands there twice"]),
        *(["a header that no request in a file can have"] if _NOT_A_REQUESTS & set(names) else []),
    ]
