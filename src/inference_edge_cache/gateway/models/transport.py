"""One HTTP request to a model, and its answer as it comes: sent once, bounded by the deadline, whole or an error.

Needs urllib3, which is loaded when the first ``Transport`` is made.
"""

import email.errors
import http.client
import io
import ipaddress
import re
import socket
import ssl
import time
import zlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any
from urllib.parse import SplitResult, urlsplit

from inference_edge_cache.gateway.answers import HOP_BY_HOP
from inference_edge_cache.gateway.config import GatewayConfigError
from inference_edge_cache.gateway.messages import Deadline, HeaderLines
from inference_edge_cache.gateway.model import ModelAnswer, ModelFailed
from inference_edge_cache.gateway.models.chunks import chunks_of
from inference_edge_cache.gateway.passing import sendable

CONNECT_TIMEOUT = 5.0
USER_AGENT = "inference-edge-cache"

_KEPT_CONNECTIONS = 64

# Shorter than common servers keep an idle connection (gunicorn 2 s, uvicorn and Node.js 5 s), so that no request meets
# one that is being closed.
_KEEP_ALIVE_SECONDS = 1.0

_PIECE = 64 * 1024

# RFC 9110 section 8.4.1. zlib tells the formats apart by their first bytes.
_INFLATABLE = frozenset({"gzip", "x-gzip", "deflate"})
_EITHER_FORMAT = zlib.MAX_WBITS | 32

# After such a line http.client takes what is left of the head for something else, and says nothing. Nor does it say
# that the head was cut short.
_BROKEN_HEAD = (
    email.errors.FirstHeaderLineIsContinuationDefect,
    email.errors.MisplacedEnvelopeHeaderDefect,
    email.errors.MissingHeaderBodySeparatorDefect,
)

# RFC 9112 section 5.2. urllib3 before 2.8 leaves it in.
_FOLD = re.compile(r"[ \t]*[\r\n]+[ \t]*")

# urllib3 hands nothing of ours down to its connections.
_DEADLINE: ContextVar[Deadline] = ContextVar("deadline of the request that is being sent")


class Transport:
    """Sends requests to the host of ``base_url``, each of them once. Safe to use from several threads.

    No retry is made and no redirect followed: a 3xx is an answer. A connection is used again within a second, if
    urllib3 still finds it open. What remains is one that the server closes in the very moment of the next request, or
    closed unheard while a serverless platform had frozen this process: that request fails with 502, since the model
    may have run (RFC 9110 section 9.2.2). Proxies of the environment are not used. Certificates are checked against
    the system's, or those that ``SSL_CERT_FILE`` names.

    ``connect_timeout`` is in seconds, for each address of the host; finding its addresses is up to the system. Raises
    ``GatewayConfigError`` for what is not an https URL; http is for this machine only, or with ``allow_http``.
    """

    def __init__(
        self, base_url: str, *, connect_timeout: float = CONNECT_TIMEOUT, allow_http: bool = False, named: str = "url"
    ) -> None:
        import urllib3
        import urllib3.connection

        if not connect_timeout > 0:
            raise GatewayConfigError("connect_timeout must be more than 0 seconds")
        url = _usable(base_url, named, allow_http)
        assert url.hostname
        self.path, self.query = url.path.rstrip("/"), url.query
        self._connect_timeout = connect_timeout
        if url.scheme == "https":
            trust = ssl.create_default_context()
            trust.minimum_version = ssl.TLSVersion.TLSv1_2
            self._pool = urllib3.HTTPSConnectionPool(
                url.hostname, url.port, maxsize=_KEPT_CONNECTIONS, ssl_context=trust
            )
            self._pool.ConnectionCls = _within_deadline(urllib3.connection.HTTPSConnection)
        else:
            self._pool = urllib3.HTTPConnectionPool(url.hostname, url.port, maxsize=_KEPT_CONNECTIONS)
            self._pool.ConnectionCls = _within_deadline(urllib3.connection.HTTPConnection)

    def ask(self, method: str, target: str, headers: HeaderLines, body: bytes, deadline: Deadline) -> ModelAnswer:
        """What the host answers. ``target`` is path and query as they go on the wire. Raises ``ModelFailed``."""
        import urllib3
        from urllib3.exceptions import HTTPError

        left = deadline.remaining()
        if not left:
            raise ModelFailed(504, "no time was left to ask the model")
        if not all(sendable(value) for _, value in headers):
            raise ModelFailed(502, _NOT_SENDABLE)
        of_this_request = _DEADLINE.set(deadline)
        try:
            response = self._pool.urlopen(
                method,
                target,
                body,
                urllib3.HTTPHeaderDict(with_defaults((*headers, ("accept-encoding", "identity")), _WHO_ASKS)),
                retries=False,  # nor redirects
                assert_same_host=False,
                timeout=urllib3.Timeout(connect=min(self._connect_timeout, left), read=left),
                preload_content=False,
                decode_content=False,
            )
        except HTTPError as error:
            raise _failure("the model did not answer", error, deadline) from None
        except ValueError:  # its text quotes the header
            raise ModelFailed(502, _NOT_SENDABLE) from None
        finally:
            _DEADLINE.reset(of_this_request)
        return _answer(response, deadline)


_WHO_ASKS = ("user-agent", USER_AGENT)
_NOT_SENDABLE = "the request has a header that cannot be sent on"


def sendable_headers(headers: HeaderLines) -> HeaderLines:
    """Those of a request's headers that are neither about its connection (RFC 9110 section 7.6.1) nor said here."""
    return _without(headers, HOP_BY_HOP | {"accept-encoding", "content-length", "expect", "host", "user-agent"})


def with_defaults(headers: HeaderLines, *defaults: tuple[str, str]) -> HeaderLines:
    """``headers``, and those of ``defaults`` that are not among them."""
    given = {name for name, _ in headers}
    return (*headers, *(line for line in defaults if line[0] not in given))


def _usable(url: str, named: str, allow_http: bool) -> SplitResult:
    """``url``, split. The errors do not show it: a key may stand in it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise GatewayConfigError(f"{named} is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise GatewayConfigError(f"{named} must begin with https:// and name a host")
    if parts.username is not None or parts.fragment:
        raise GatewayConfigError(f"{named} must hold neither a user name nor a fragment: a credential goes in a header")
    if parts.scheme == "http" and not (allow_http or _is_this_machine(parts.hostname)):
        raise GatewayConfigError(f"{named} must begin with https://: requests would be readable on their way")
    return parts


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _within_deadline(connection: Any) -> Any:
    """urllib3's ``connection``, all of whose waiting ends with the deadline of the request that it is used for."""

    class Connection(connection):
        heard = 0.0
        """When the last bytes came in."""

        @property
        def is_connected(self) -> bool:
            """Asked before a connection is used again."""
            return time.monotonic() - self.heard < _KEEP_ALIVE_SECONDS and super().is_connected

        def send(self, data: bytes) -> None:
            if self.sock is None:
                self.connect()
            whole = memoryview(data)
            for start in range(0, len(whole), _PIECE):
                _wait_at_most(self.sock, _DEADLINE.get())
                super().send(whole[start : start + _PIECE])

        def response_class(self, sock: socket.socket, **options: Any) -> http.client.HTTPResponse:
            return _Response(self, sock, _DEADLINE.get(), **options)

    return Connection


class _Response(http.client.HTTPResponse):
    """An answer that is read within the deadline, and whose length is beyond doubt."""

    def __init__(self, connection: Any, sock: socket.socket, deadline: Deadline, **options: Any) -> None:
        super().__init__(sock, **options)
        self._incoming = _Incoming(connection, sock, deadline, self.fp.detach())
        self.fp = io.BufferedReader(self._incoming)

    def begin(self) -> None:
        super().begin()
        if self._incoming.ended or any(isinstance(defect, _BROKEN_HEAD) for defect in self.headers.defects):
            raise http.client.HTTPException("broken head")
        # RFC 9112 section 6.3: where the length is in doubt, the body may end anywhere.
        codings, lengths = (self.headers.get_all(name, []) for name in ("transfer-encoding", "content-length"))
        if (codings and (not self.chunked or len(codings) > 1 or lengths)) or (lengths and self.length is None):
            raise http.client.HTTPException("length in doubt")

    def read1(self, n: int = -1) -> bytes:
        piece = super().read1(n)
        # RFC 9112 section 7.1. To http.client the "0" of a last chunk is enough, and so is that of a size "0A".
        if not piece and self.chunked and self._incoming.ended:
            raise http.client.IncompleteRead(b"")
        return piece


class _Incoming(io.RawIOBase):
    """What comes in on a socket. ``ended`` tells that nothing more does."""

    ended = False

    def __init__(self, connection: Any, sock: socket.socket, deadline: Deadline, raw: io.RawIOBase) -> None:
        self._connection, self._sock, self._deadline, self._raw = connection, sock, deadline, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _wait_at_most(self._sock, self._deadline)
        count = self._raw.readinto(buffer)
        self._connection.heard = time.monotonic()
        self.ended = count == 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _wait_at_most(sock: Any, deadline: Deadline) -> None:
    left = deadline.remaining()
    if not left:
        raise TimeoutError
    sock.settimeout(left)


def _answer(response: Any, deadline: Deadline) -> ModelAnswer:
    def let_go() -> None:
        response.close()  # no effect on a connection whose answer was read to its end: urllib3 has it back already
        response.release_conn()

    if response.status < 200:  # a final answer follows, which http.client does not look for
        let_go()
        raise ModelFailed(502, "the model gave an interim answer")
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    pieces = _pieces(response, deadline)
    if coding in _INFLATABLE:
        pieces = _inflated(pieces)
    elif coding != "identity":
        let_go()
        raise ModelFailed(502, "the model's answer has a content coding that it was not asked for")
    headers = tuple((name.lower(), _FOLD.sub(" ", value)) for name, value in response.headers.items())
    return ModelAnswer(
        response.status,
        _without(headers, HOP_BY_HOP | {"content-encoding", "content-length"}),
        chunks_of(pieces, let_go),
    )


def _pieces(response: Any, deadline: Deadline) -> Iterator[bytes]:
    """The body as it comes in. Ends where its framing says so (urllib3 counts a ``Content-Length``), or fails."""
    from urllib3.exceptions import HTTPError

    try:
        while piece := response.read1(_PIECE):
            yield piece
    except HTTPError as error:
        raise _failure("the model's answer did not come to its end", error, deadline) from None


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The content of a gzip or zlib stream. urllib3's own decoders take one that is cut short for whole."""
    inflater = None
    for piece in pieces:
        while piece:
            if inflater is None or inflater.eof:
                inflater = zlib.decompressobj(_EITHER_FORMAT)
            try:
                content = inflater.decompress(piece)
            except zlib.error:
                raise ModelFailed(502, "the model's answer cannot be decompressed") from None
            if content:
                yield content
            piece = inflater.unused_data
    if inflater is not None and not inflater.eof:
        raise ModelFailed(502, "the model's answer is compressed, and cut short")


def _failure(said: str, error: Exception, deadline: Deadline) -> ModelFailed:
    """Names what went wrong by the type of error alone: its text may quote a URL."""
    from urllib3 import exceptions as kinds

    # A connection that was refused is a timeout too, to urllib3.
    took_too_long = isinstance(error, kinds.TimeoutError) and not isinstance(error, kinds.NewConnectionError)
    if took_too_long or not deadline.remaining():
        return ModelFailed(504, f"{said} in time")
    cause = error.args[-1] if error.args and isinstance(error.args[-1], Exception) else error
    return ModelFailed(502, f"{said} ({type(cause).__name__})")


def _without(headers: HeaderLines, dropped: frozenset[str]) -> HeaderLines:
    """RFC 9110 section 7.6.1: what ``Connection`` names goes the way of ``Connection``."""
    named = {option.strip().lower() for name, value in headers if name == "connection" for option in value.split(",")}
    return tuple(line for line in headers if line[0] not in dropped | named)
