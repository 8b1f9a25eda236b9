"""The model: an HTTP server that answers as an OpenAI-compatible one does, with no work in between.

``python -m parts.run_model [DELAY_MS [ANSWER_BYTES]]``, from the folder above. An answer holds a digest of the request,
so that an answer to something else is told from it, and a number that no other answer has, so that a repeated one is.
A prompt that starts with ``!`` says how the answer is to be spoilt.
"""

import asyncio
import hashlib
import itertools
import json
import re
import sys
from typing import Any

from parts.living import announce, until_orphaned

LABELS = ("user", "metadata")
"""What a request is filed under. The model does not read it."""
READ_HEADERS = (b"openai-beta", b"anthropic-beta")

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_serial = itertools.count(1)


def digest(path: bytes, fields: dict[str, Any], head: bytes) -> str:
    """What the model reads of a request, in 12 hexadecimal digits."""
    read = {name: value for name, value in fields.items() if name not in LABELS}
    lines = [line for line in head.lower().split(b"\r\n") if line.partition(b":")[0] in READ_HEADERS]
    told = json.dumps(
        [path.decode(), read, sorted(line.replace(b": ", b":").decode() for line in lines)], sort_keys=True
    )
    return hashlib.sha256(told.encode()).hexdigest()[:12]


class Model(asyncio.Protocol):
    """One connection, with one request on it at a time."""

    def __init__(self, delay: float, padding: str) -> None:
        self._delay, self._padding, self._received = delay, padding, bytearray()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_HEAD_END)
        if end < 0:
            return
        head = bytes(self._received[:end])
        length = _LENGTH.search(head)
        whole = end + len(_HEAD_END) + (int(length[1]) if length else 0)
        if len(self._received) < whole:
            return
        body = bytes(self._received[end + len(_HEAD_END) : whole])
        del self._received[:whole]
        answer = self._answer(head, body)
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, answer)
        else:
            self._transport.write(answer)

    def _answer(self, head: bytes, body: bytes) -> bytes:
        path, fields = head.split(b" ", 2)[1], json.loads(body)
        marks = f"{digest(path, fields, head)} {next(_serial)}"
        if fields.get("stream"):
            return _http(_events(fields, marks), b"text/event-stream")
        if path.endswith(b"/embeddings"):
            document = _vectors(fields, marks)
        elif path.endswith(b"/chat/completions"):
            document = _chat(fields, f"{marks} {self._padding}")
        else:
            document = _text(fields, f"{marks} {self._padding}")
        return _http(json.dumps(document).encode(), b"application/json")


def _chat(fields: dict[str, Any], text: str) -> dict[str, Any]:
    last = fields["messages"][-1]["content"]
    spoilt = json.loads(last[1:]) if isinstance(last, str) and last.startswith("!") else {}
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": spoilt.get("finish_reason", "stop")}
    return _completion("chat.completion", fields, choice) | {"model": spoilt.get("model", fields["model"])}


def _text(fields: dict[str, Any], text: str) -> dict[str, Any]:
    return _completion("text_completion", fields, {"text": text, "finish_reason": "stop", "logprobs": None})


def _completion(kind: str, fields: dict[str, Any], choice: dict[str, Any]) -> dict[str, Any]:
    count = fields["n"] if type(fields.get("n")) is int else 1
    return {
        "id": "answer",
        "object": kind,
        "created": 0,
        "model": fields["model"],
        "choices": [{"index": index, **choice} for index in range(count)],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def _vectors(fields: dict[str, Any], marks: str) -> dict[str, Any]:
    read, serial = marks.split()
    inputs = fields["input"] if isinstance(fields["input"], list) else [fields["input"]]
    data = [{"object": "embedding", "index": i, "embedding": [int(read, 16), int(serial)]} for i in range(len(inputs))]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "model": fields["model"], "data": data, "usage": usage}


def _events(fields: dict[str, Any], marks: str) -> bytes:
    start = {"id": "answer", "object": "chat.completion.chunk", "created": 0, "model": fields["model"]}
    deltas = (({"role": "assistant", "content": marks}, None), ({}, "stop"))
    chunks = [{**start, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]} for delta, end in deltas]
    return b"".join(b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"


def _http(body: bytes, kind: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (kind, len(body), body)


async def main(delay_ms: int = 0, answer_bytes: int = 1000) -> None:
    padding = "x" * answer_bytes
    server = await asyncio.get_running_loop().create_server(lambda: Model(delay_ms / 1000, padding), "127.0.0.1", 0)
    announce(server.sockets[0].getsockname()[1])
    await asyncio.to_thread(until_orphaned)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
