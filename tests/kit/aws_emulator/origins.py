"""An origin on a real socket, over TLS, which keeps what it was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from http_kit import Handler, Seen, listening
from tls_kit import Certificates


@dataclass
class Origin:
    """Answers every request with ``status`` and ``body``."""

    port: int = 0
    status: int = 200
    body: bytes = b'{"answer":42}'
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    asked: list[Seen] = field(default_factory=list[Seen])

    def url(self, name: str = "model") -> str:
        """Its address by a name of ``example.com``, which the emulator finds on this machine."""
        return f"https://{name}.example.com:{self.port}"


@contextmanager
def origin(certificates: Certificates) -> Iterator[Origin]:
    """A running origin."""
    found = Origin()

    class Answering(Handler):
        def _handle(self) -> None:
            found.asked.append(self.seen())
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    with listening(Answering, certificates.server()) as found.port:
        yield found
