"""How a POST becomes a GET, and what becomes of its answer. Whatever is sent or waited for goes through a ``Wire``.

::

    the request has no path                    it is sent as it is
    200, 429, 500, and the model's own words   the answer
    302, 303 to the same path                  the path once more, without the payload
    502, 503, 504, a connection that is lost   likewise: the answer may be stored by now
    anything else                              the request itself is sent, once

A GET goes to the edge that the caller named and nowhere else, and so does the POST, but for ``upload_url``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inference_edge_cache.client.documents import Documents
from inference_edge_cache.client.requests import (
    is_loopback,
    key_of,
    library_of,
    path_request,
    target_of,
    upload_request,
    whole_body,
    whole_number,
)
from inference_edge_cache.client.served import EXTENSION, Served, given_by_model, served_by_path, served_by_post
from inference_edge_cache.client.wire import Wire
from inference_edge_cache.protocol import (
    PUBLIC_API_KEY,
    ApiKey,
    Bypass,
    EdgeConfig,
    PathError,
    RouteConfig,
    encode_payload,
    inference_path,
    request_key,
    storable_request,
)
from inference_edge_cache.protocol.media_types import is_json
from inference_edge_cache.protocol.reasons import NO_DOCUMENT

if TYPE_CHECKING:
    from httpx2 import Request, Response

MAX_EDGE_BODY = 16 * 1024
"""Media CDN refuses a larger request body with 413 (cloud.google.com/media-cdn/docs/quotas). Where a CDN takes more,
the document names no ``upload_url``."""

_CONTROLS = ("inference-cache", "inference-cache-ttl")
_UNAVAILABLE = (502, 503, 504)
_REDIRECTS = (302, 303)  # RFC 9110 sections 15.4.3 and 15.4.4: of those a POST may follow with a GET
_SHORT = 16 * 1024  # an answer that is not used is read up to here, so that its connection can be used again


@dataclass(frozen=True)
class _Form:
    """The cacheable form of a request. The path is a capability for one answer, and is not shown."""

    path: str = field(repr=False)
    payload: str | None = field(repr=False)
    """``None`` when it does not fit into a header: then nobody but a store can answer at the path."""


@dataclass(frozen=True)
class _Inference:
    """A POST to a route of an edge. ``form``: or why it has none."""

    request: Request = field(repr=False)
    body: bytes = field(repr=False)
    route: RouteConfig
    form: _Form | str
    upload_url: str | None


@dataclass(frozen=True)
class _Nobody:
    """Nobody answered at the path. ``edge_failed``: not because there was nothing to be had."""

    why: str
    edge_failed: bool


async def exchange(request: Request, wire: Wire, documents: Documents, own_key: ApiKey | None) -> Response:
    """The answer to ``request``, its body still to be read, marked with who gave it.

    ``own_key`` takes the place of the API key in the request. Raises what the transport raises.
    """
    inference = await _inference(request, wire, documents, own_key)
    if isinstance(inference, str):
        return _marked(await wire.send(request), Served("passed", inference))
    call = _Call(inference, wire, documents)
    if isinstance(inference.form, str):
        response = await call.post()
        served = served_by_post(response.headers, inference.form)
        return _marked(response, served if served.tier == "store" else Served("passed", inference.form))
    found = await call.get(inference.form)
    if not isinstance(found, _Nobody):
        return _marked(found, served_by_path(found.status_code, found.headers))
    response = await call.post(edge_failed=found.edge_failed)
    if not _points_to(response, inference):
        return _marked(response, served_by_post(response.headers, found.why))
    # An answer that is too large for the gateway's cloud: stored, and to be fetched from the bucket.
    stored = await wire.send(path_request(request, inference.form.path, None))
    if not _is_answer(stored):  # the caller's client may follow the redirect, and is told the truth by it
        await call.drop(stored)
        return _marked(response, served_by_post(response.headers, found.why))
    await call.drop(response)
    return _marked(stored, served_by_path(stored.status_code, stored.headers))


async def _inference(request: Request, wire: Wire, documents: Documents, own_key: ApiKey | None) -> _Inference | str:
    """What the request is to the edge; or why it is none of this transport's business."""
    if request.method != "POST":
        return "method"
    if "target" in request.extensions:  # httpcore sends that in place of the URL's path
        return "target"
    body = whole_body(request)
    if body is None:
        return "streamed-body"
    config = await documents.current(request, wire)
    if config is None:
        return NO_DOCUMENT
    route = config.route(target_of(request)[0])
    if route is None:
        return "no-route"
    api_key = PUBLIC_API_KEY if config.access == "public" else own_key or key_of(request)
    if api_key is None:
        return "no-api-key"
    form = _form(request, body, route, api_key, config.payload_budget)
    return _Inference(request, body, route, form, _upload_url(request, config))


def _form(request: Request, body: bytes, route: RouteConfig, api_key: ApiKey, budget: int) -> _Form | str:
    """The cacheable form of a request; or why it has none."""
    if any(control in request.headers for control in _CONTROLS):
        return "request-control"
    headers, query = request.headers.multi_items(), target_of(request)[1]
    preimage = storable_request(route.path, route.rules, headers, body, query)
    if isinstance(preimage, Bypass):
        return str(preimage)
    try:
        path = inference_path(route.path, route.generation, api_key.scope, request_key(api_key.key, preimage))
    except PathError:  # the route leaves no room for a key
        return "path-length"
    return _Form(path, encode_payload(preimage, budget))


def _upload_url(request: Request, config: EdgeConfig) -> str | None:
    """Where the edge says that it takes what its CDN does not.

    The API key goes there, so nobody on the way may have written it. An edge elsewhere names no port of this machine.
    """
    url = config.upload_url
    trusted = request.url.scheme == "https" or is_loopback(request)
    return url if url is not None and trusted and (url.startswith("https://") or is_loopback(request)) else None


@dataclass(frozen=True)
class _Call:
    """One request on its way."""

    inference: _Inference
    wire: Wire
    documents: Documents

    async def get(self, form: _Form) -> Response | _Nobody:
        """The answer at the path."""
        response = await self._send_get(form.path, form.payload)
        if response is None:
            why, edge_failed, look = "get-lost", True, form.payload is not None
        elif _is_answer(response) or response.status_code == 429 or (response.status_code == 500 and form.payload):
            return response
        else:
            why, edge_failed = f"get-{response.status_code}", response.status_code in _UNAVAILABLE
            look = (edge_failed and form.payload is not None) or _points_to(response, self.inference)
            await self.drop(response)
        if look:
            stored = await self._send_get(form.path, None)
            if stored is not None:
                if _is_answer(stored):
                    return stored
                await self.drop(stored)
        return _Nobody(why, edge_failed)

    async def post(self, *, edge_failed: bool = False) -> Response:
        """The answer to the request itself. A POST that the CDN refuses for its size has reached nobody."""
        inference = self.inference
        if inference.upload_url is None:
            return await self.wire.send(inference.request)
        upload = upload_request(inference.request, inference.body, inference.upload_url)
        if edge_failed or len(inference.body) > MAX_EDGE_BODY:
            return await self.wire.send(upload)
        response = await self.wire.send(inference.request)
        if response.status_code != 413 or given_by_model(413, response.headers):
            return response
        await self.drop(response)
        return await self.wire.send(upload)

    async def drop(self, response: Response) -> None:
        """Have done with an answer that is not used, but for what it says of the discovery document."""
        try:
            length = whole_number(response.headers.get("content-length"))
            if length is not None and length <= _SHORT:
                body = await self.wire.read(response, _SHORT)
                if response.status_code == 428 and _names_another_generation(body, self.inference.route):
                    self.documents.out_of_date(self.inference.request)
            else:
                await self.wire.close(response)
        except library_of(self.inference.request).RequestError:
            pass  # nobody was going to read it

    async def _send_get(self, path: str, payload: str | None) -> Response | None:
        """``None`` when the connection was lost before there was an answer.

        A connection that cannot be made and a time that is up are the caller's to know: a POST would fare no better.
        """
        library = library_of(self.inference.request)
        try:
            return await self.wire.send(path_request(self.inference.request, path, payload))
        except library.ConnectError:
            raise
        except (library.NetworkError, library.RemoteProtocolError):
            return None


def _is_answer(response: Response) -> bool:
    """Whether this answers the request: what is kept is JSON or SSE. An origin's own page for all paths is neither."""
    if given_by_model(response.status_code, response.headers):
        return True
    kind = response.headers.get("content-type", "")
    is_stream = kind.partition(";")[0].strip().lower() == "text/event-stream"
    return response.status_code == 200 and (is_stream or is_json(kind, keyed=True))


def _points_to(response: Response, inference: _Inference) -> bool:
    """Whether the answer is a redirect to the path of this request, on this edge."""
    if response.status_code not in _REDIRECTS or isinstance(inference.form, str):
        return False
    path = inference.form.path
    return response.headers.get("location") in (path, str(path_request(inference.request, path, None).url))


def _names_another_generation(problem: bytes | None, route: RouteConfig) -> bool:
    try:
        named = json.loads(problem or b"null")
    except (ValueError, RecursionError):
        return False
    generation = named.get("generation") if isinstance(named, dict) else None
    return isinstance(generation, str) and generation != route.generation


def _marked(response: Response, served: Served) -> Response:
    response.extensions[EXTENSION] = served
    return response
