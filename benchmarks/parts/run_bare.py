"""The smallest app there is, on the server that the gateway runs on: what of an answer is uvicorn's own time."""

from typing import Any

from parts.living import serve

ANSWER = b'{"filling": "' + b"x" * 1000 + b'"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]


async def app(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


if __name__ == "__main__":
    serve(app)
