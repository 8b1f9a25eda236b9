"""Media CDN, as far as a recorded service describes it, without a cache: which rule takes a request, which headers it
loses, which origin is asked, what is asked next when that one fails.

DOCS/media-cdn/docs/{routing, origins, quotas}.
"""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gcp_rules.graph import Graph, Route
from http_kit import Handler, listening

from inference_edge_cache.testing import Resource

LARGEST_BODY = 16 * 1024
TIMEOUT = 60
READS = ("GET", "HEAD", "OPTIONS")
"""What is asked of another origin when the first one fails it."""
FAILS = {
    "HTTP_5XX": frozenset(range(500, 600)),
    "NOT_FOUND": frozenset({404}),
    "FORBIDDEN": frozenset({403}),
}
_OF_THE_CONNECTION = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Edge:
    """``functions`` are the local addresses of hosts; ``asked`` is which origin was asked, and what it answered."""

    graph: Graph
    functions: Mapping[str, str]
    storage: Any
    url: str = ""
    asked: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if len(body) > LARGEST_BODY:
            return Answer(413, (), b"")
        route = self._route(method, target.partition("?")[0])
        if route is None:
            return Answer(404, (), b"")
        if method not in route.methods:
            return Answer(405, (), b"")
        removed = {each["headerName"] for each in route.rule["headerAction"].get("requestHeaderToRemoves", [])}
        sent = {name.lower(): value for name, value in headers.items() if name.lower() not in removed}
        origin = self.graph.origin(route.rule["origin"])
        assert origin is not None
        for each in self.graph.chain(origin) if method in READS else [origin]:
            answer = self._ask(each, method, target, sent, body)
            self.asked.append((each.name, answer.status))
            fails = {status for name in each.inputs["retryConditions"] for status in FAILS.get(name, ())}
            if answer.status not in fails:
                break
        return answer

    def _route(self, method: str, path: str) -> Route | None:
        routes = sorted(self.graph.routes(), key=lambda route: route.number or 0)
        return next((one for one in routes if any(_takes(match, method, path) for match in one.matches)), None)

    def _ask(self, origin: Resource, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        action, address = origin.inputs.get("originOverrideAction", {}), origin.inputs["originAddress"]
        if address.startswith("gs://"):
            return self._read(address.removeprefix("gs://"), target.partition("?")[0][1:])
        added = {
            each["headerName"]: each["headerValue"]
            for each in action.get("headerAction", {}).get("requestHeadersToAdds", [])
        }
        connection = http.client.HTTPConnection(self.functions[address], timeout=TIMEOUT)
        try:
            connection.request(method, target, body or None, {**headers, **added, "host": address})
            answer = connection.getresponse()
            return Answer(answer.status, tuple(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def _read(self, bucket: str, name: str) -> Answer:
        """As the XML API answers (DOCS/storage/docs/xml-api/get-object-download)."""
        blob = self.storage.bucket(bucket).get_blob(name)
        if blob is None:
            return Answer(404, (("content-type", "application/xml"),), b"<Error><Code>NoSuchKey</Code></Error>")
        said = {"content-type": blob.content_type, "cache-control": blob.cache_control, "etag": f'"{blob.md5_hash}"'}
        return Answer(200, tuple(said.items()), blob.download_as_bytes())


def _takes(match: Mapping[str, Any], method: str, path: str) -> bool:
    if any(
        header["headerName"] == ":method" and header["exactMatch"] != method
        for header in match.get("headerMatches", [])
    ):
        return False
    return path == match["fullPathMatch"] if "fullPathMatch" in match else path.startswith(match["prefixMatch"])


@contextmanager
def edge(graph: Graph, functions: Mapping[str, str], storage: Any) -> Iterator[Edge]:
    """The service of ``graph``, on a port of this machine."""

    class Serving(Handler):
        def _handle(self) -> None:
            sent = {name: value for name, value in self.headers.items() if name.lower() not in _OF_THE_CONNECTION}
            answer = found.answer(self.command, self.path, sent, self.body())
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                if name.lower() not in _OF_THE_CONNECTION:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_OPTIONS = _handle

    with listening(Serving) as port:
        found = Edge(graph, functions, storage, f"http://127.0.0.1:{port}")
        yield found
