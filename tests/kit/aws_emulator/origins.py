"""An origin on a real socket, over TLS, which keeps what it was asked."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from http_kit import Handler, listening
from tls_kit import Certificates


@dataclass(frozen=True)
class Asked:
    """A request as the origin got it. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Origin:
    """Answers every request with ``status`` and ``body``."""

    port: int = 0
    status: int = 200
    body: bytes = b'{"answer":42}'
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    asked: list[Asked] = field(default_factory=list[Asked])

    def url(self, name: str = "model") -> str:
        """Its address by a name of ``example.com``, which the emulator finds on this machine."""
        return f"https://{name}.example.com:{self.port}"


@contextmanager
def origin(certificates: Certificates) -> Iterator[Origin]:
    """A running origin."""
    found = Origin()

    class Answering(Handler):
        def _handle(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.asked.append(Asked(self.command, self.path, headers, self.body()))
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
