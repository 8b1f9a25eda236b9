"""Servers on real sockets of 127.0.0.1, which answer byte for byte what a test tells them."""

import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from inference_edge_cache.gateway.messages import Deadline
from inference_edge_cache.gateway.model import Model, ModelFailed, ModelRequest

BODY = b'{"temperature":0}'
KEY_ID, SECRET_KEY = "AKIAEXAMPLEEXAMPLE00", "a secret key that must never be shown"


@dataclass(frozen=True)
class Seen:
    """A request as it came in on the wire; ``connection`` counts the connections from 0."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int

    def values(self, name: str) -> list[str]:
        return [value for line, value in self.headers if line.lower() == name]

    def header(self, name: str) -> str | None:
        return ", ".join(self.values(name)) or None


@dataclass
class Exchange:
    """One request, and the socket to answer on. ``over`` is set when the test ends."""

    sock: socket.socket
    seen: Seen
    over: threading.Event

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes) -> None:
        """One byte after the other, each well within any timeout that counts anew with every byte."""
        for at in range(len(data)):
            if self.over.wait(0.02):
                return
            self.send(data[at : at + 1])


@dataclass
class Server:
    """Answers each request with ``answer``; keeps the connection if that returns True."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answer: Callable[[Exchange], bool] = lambda exchange: False
    left: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released for each connection that has ended, whoever ended it."""
    over: threading.Event = field(default_factory=threading.Event)

    def says(self, body: bytes = b"{}", status: str = "200 OK", *lines: str, keeps: bool = True) -> None:
        """Answer everything with this, its length declared."""
        self.sends(message(body, status, *lines), keeps=keeps)

    def sends(self, data: bytes, *, keeps: bool = False) -> None:
        """Answer everything with exactly these bytes."""

        def answer(exchange: Exchange) -> bool:
            exchange.send(data)
            return keeps

        self.answer = answer

    def never_answers(self) -> None:
        def answer(exchange: Exchange) -> bool:
            exchange.over.wait()
            return False

        self.answer = answer

    @property
    def only(self) -> Seen:
        """What it was asked, once and not again."""
        assert len(self.seen) == 1
        return self.seen[0]


def message(body: bytes = b"{}", status: str = "200 OK", *lines: str) -> bytes:
    lines = lines or ("Content-Type: application/json",)
    return "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines, "", "")).encode("latin-1") + body


def event(payload: bytes = b"", **headers: str) -> bytes:
    """A message of an AWS event stream (smithy.io/2.0/aws/amazon-eventstream.html); ``event_type`` is its header."""
    lines = b""
    for name, value in headers.items():
        name = f":{name.replace('_', '-')}"
        lines += struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
    prelude = struct.pack(">II", 16 + len(lines) + len(payload), len(lines))
    data = prelude + struct.pack(">I", zlib.crc32(prelude)) + lines + payload
    return data + struct.pack(">I", zlib.crc32(data))


def part(payload: bytes) -> bytes:
    """What SageMaker wraps a piece of a container's stream in."""
    return event(payload, message_type="event", event_type="PayloadPart", content_type="application/octet-stream")


def is_signed(server: Server, seen: Seen, service: str, region: str = "us-east-1") -> bool:
    """Whether the signature is that of the request as it came in: method, path, the signed headers and the body."""
    given = dict(item.split("=", 1) for item in seen.values("authorization")[0].partition(" ")[2].split(", "))
    headers = {name: ",".join(seen.values(name)) for name in given["SignedHeaders"].split(";")}
    request = AWSRequest(seen.method, server.url + seen.target, headers=headers, data=seen.body)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials(KEY_ID, SECRET_KEY), service, region)
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return given["Credential"].endswith(f"/{region}/{service}/aws4_request") and given["Signature"] == signature


OF_THE_SDK = {"user-agent", "authorization", "x-amz-date", "connection", "accept-encoding"}


def compared(server: Server) -> list[tuple[str, str, dict[str, str], bytes]]:
    """What it was asked, without what each SDK says of itself and of the moment."""
    return [
        (
            seen.method,
            seen.target,
            {
                name.lower(): value
                for name, value in seen.headers
                if name.lower() not in OF_THE_SDK and not name.lower().startswith("amz-sdk-")
            },
            seen.body,
        )
        for seen in server.seen
    ]


def chunked(*pieces: bytes, last: bytes = b"0\r\n\r\n", lines: tuple[str, ...] = ()) -> bytes:
    head = "\r\n".join(("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *lines, "", "")).encode("latin-1")
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + last


class Servers:
    def __init__(self) -> None:
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._over = threading.Event()

    def __call__(self, tls: ssl.SSLContext | None = None) -> Server:
        listener = socket.create_server(("127.0.0.1", 0))
        server = Server(f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}", over=self._over)
        self._run(self._accept, listener, server, tls)
        return server

    def stop(self) -> None:
        self._over.set()
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for sock in self._open:
            sock.close()

    def _run(self, what: Callable[..., None], sock: socket.socket, *arguments: object) -> None:
        with self._lock:
            self._open.append(sock)
            thread = threading.Thread(target=what, args=(sock, *arguments), daemon=True)
            self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket, server: Server, tls: ssl.SSLContext | None) -> None:
        connections = 0
        while not self._over.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self._run(self._serve, sock, server, tls, connections)
            connections += 1

    def _serve(self, sock: socket.socket, server: Server, tls: ssl.SSLContext | None, connection: int) -> None:
        try:
            if tls:
                sock = tls.wrap_socket(sock, server_side=True)
                with self._lock:
                    self._open.append(sock)  # the other one is only a shell from now on
            with sock, sock.makefile("rb") as incoming:
                while seen := _request(incoming, connection):
                    server.seen.append(seen)
                    if not server.answer(Exchange(sock, seen, self._over)):
                        break
        except OSError:
            pass
        finally:
            server.left.release()


def _request(incoming, connection: int) -> Seen | None:
    first = incoming.readline().decode("latin-1").split()
    if len(first) != 3:
        return None
    headers = []
    while line := incoming.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers.append((name, value.strip()))
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    return Seen(first[0], first[1], headers, incoming.read(length), connection)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


def ask(model: Model, body: bytes = BODY, *, seconds: float = 30, **request: object) -> Answer:
    """The whole answer."""
    answer = model.answer(ModelRequest(**{"path": "/v1/chat", "body": body, **request}), Deadline.after(seconds))  # type: ignore[arg-type]
    return Answer(answer.status, answer.headers, b"".join(answer.chunks))


def failure(model: Model, body: bytes = BODY, *, seconds: float = 30, **request: object) -> ModelFailed:
    """Why there is no answer, or not all of one."""
    with pytest.raises(ModelFailed) as failed:
        ask(model, body, seconds=seconds, **request)
    return failed.value
