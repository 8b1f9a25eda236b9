"""The body of a model's answer, piece by piece."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing

Chunks = Generator[bytes, None, None]


def chunks_of(pieces: Iterable[bytes], let_go: Callable[[], None]) -> Chunks:
    """``pieces``, and then ``let_go``; also when it is closed before anybody read it, as no plain generator does."""

    def begun() -> Chunks:
        try:
            yield b""
            yield from pieces
        finally:
            let_go()

    chunks = begun()
    next(chunks)
    return chunks


def whole(body: bytes) -> Chunks:
    """A body that is there already."""
    return (piece for piece in (body,))


def beginning(chunks: Chunks, most: int) -> bytes:
    """The body as far as ``most`` bytes. Lets the rest go. Raises ``ModelFailed``."""
    body = bytearray()
    with closing(chunks):
        for piece in chunks:
            body += piece
            if len(body) >= most:
                break
    return bytes(body[:most])
