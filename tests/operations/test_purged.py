"""After a purge neither the bucket nor the edge has an answer: the real gateway over an emulated bucket, the local edge
in front of it, the real client, and the invalidation that the emulated CDN was asked for, done to the local edge."""

import httpx
import pytest
from operations_kit import Account, forget, outputs_of, run

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.client import EXTENSION, EdgeCacheTransport
from inference_edge_cache.inference_rules import InferenceRoute
from inference_edge_cache.local import LocalEdge
from inference_edge_cache.policy import INFERENCE_PRESETS, CachePolicy
from inference_edge_cache.protocol import DISCOVERY_PATH, derive_api_key

MASTER = b"a master secret that only these tests use"
EMBEDDINGS, RERANK = "/v1/embeddings", "/v1/rerank"
ALICE, BOB = (derive_api_key(MASTER, tenant) for tenant in ("alice", "bob"))
ALL = [(ALICE, EMBEDDINGS), (BOB, EMBEDDINGS), (ALICE, RERANK)]


class Cache:
    """The local edge as the account's CDN, and two tenants who ask two routes."""

    def __init__(self, account: Account, edge: LocalEdge, kept) -> None:
        self.account, self.edge, self.kept = account, edge, kept
        self.paths: dict[tuple[str, str], str] = {}
        self.client = httpx.Client(transport=EdgeCacheTransport(), timeout=30)
        self.plain = httpx.Client(trust_env=False, timeout=30)

    def ask(self, who, route: str) -> str:
        """Which tier answers."""
        response = self.client.post(self.edge.url + route, json=_body(route), headers=_key(who))
        assert response.status_code == 200
        return response.extensions[EXTENSION].tier

    def fill(self) -> None:
        """Bucket and edge have the answers of everybody."""
        for who, route in ALL:
            posted = self.plain.post(self.edge.url + route, json=_body(route), headers=_key(who))
            self.paths[who.scope, route] = posted.headers["content-location"]
            assert [self.ask(who, route) for _ in range(2)] == ["bucket", "edge"]

    def invalidate(self) -> list[str]:
        """Do to the edge what the CDN was asked to do."""
        asked = self.account.invalidated()
        for pattern in asked:
            assert forget(self.kept, self.account.cloud, pattern, self.paths.values())
        return asked


def _key(who):
    return {"authorization": f"Bearer {who.text}"}


def _body(route: str):
    return {"model": "m", "input": "hello"} if route == EMBEDDINGS else {"model": "m", "query": "q", "documents": ["d"]}


@pytest.fixture
def cache(account, model, monkeypatch, tmp_path):
    monkeypatch.setattr("inference_edge_cache.local.beside.FolderStore", lambda _: account.store())
    presets = [(EMBEDDINGS, INFERENCE_PRESETS["embeddings"]), (RERANK, INFERENCE_PRESETS["rerank"])]
    routes = [InferenceRoute(path=path, policy=each.policy, inference=each.inference) for path, each in presets]
    results, kept = tmp_path / "results", tmp_path / "edge.db"
    edge = LocalEdge(
        model.url, CachePolicy(), account.cloud, routes=routes, results=results, master_secret=MASTER, store=kept
    )
    with edge:
        cache = Cache(account, edge, kept)
        cache.fill()
        assert len(account.names()) == len(ALL)
        (tmp_path / "outputs.json").write_text(outputs_of(account, config_url=edge.url + DISCOVERY_PATH))
        yield cache
        cache.client.close()
        cache.plain.close()


@pytest.fixture
def purge(cache, capsys, tmp_path):
    return lambda *args: run(capsys, "purge", "--stack-outputs", tmp_path / "outputs.json", "--yes", *args)


def test_after_a_purge_bucket_and_edge_both_miss(cache, purge, model):
    before = len(model.asked)
    assert purge("--route", EMBEDDINGS).code == 0
    assert cache.ask(ALICE, EMBEDDINGS) == "edge"  # without the invalidation it would still be there
    cache.invalidate()
    assert [cache.ask(who, EMBEDDINGS) for who in (ALICE, BOB)] == ["model", "model"]
    assert len(model.asked) == before + 2
    assert cache.ask(ALICE, RERANK) == "edge"


def test_a_purge_of_one_tenant_costs_no_other_a_model_call(cache, purge, model):
    before = len(model.asked)
    assert purge("--route", EMBEDDINGS, "--scope", ALICE.scope).code == 0
    assert len(cache.account.names()) == 2
    asked = cache.invalidate()
    assert cache.ask(ALICE, EMBEDDINGS) == "model"
    # CloudFront cannot name less than the route: Bob's answer is at the edge no more, but still in the bucket.
    assert cache.ask(BOB, EMBEDDINGS) == ("bucket" if cache.account.cloud is Cloud.AWS else "edge")
    assert cache.ask(ALICE, RERANK) == "edge"
    assert len(model.asked) == before + 1
    prefix = cache.paths[ALICE.scope, EMBEDDINGS].rpartition("/")[0]
    assert asked == [f"{EMBEDDINGS}/*" if cache.account.cloud is Cloud.AWS else f"{prefix}/*"]


def test_a_purge_of_one_answer(cache, purge):
    path = cache.paths[ALICE.scope, EMBEDDINGS]
    ran = purge("--path", path)
    assert ran.code == 0
    assert path.rpartition("/")[2] not in ran.out + ran.err  # a path is a capability for its answer
    cache.invalidate()
    assert cache.ask(ALICE, EMBEDDINGS) == "model"
    assert cache.ask(BOB, EMBEDDINGS) in ("bucket", "edge")


def test_a_purge_of_everything(cache, purge):
    assert purge("--all").code == 0
    assert cache.account.names() == []
    assert cache.invalidate() == ["/*"]
    assert [cache.ask(*each) for each in ALL] == ["model"] * len(ALL)


def test_a_purge_that_is_done_twice_is_done(cache, purge):
    assert [purge("--route", EMBEDDINGS).code for _ in range(2)] == [0, 0]
    assert len(cache.account.invalidated()) == 2


def test_a_route_that_the_cache_has_not(cache, purge):
    ran = purge("--route", "/v1/embedding", "--generation", "current")
    assert (ran.code, cache.account.invalidated()) == (2, [])
    assert f"the cache has no such inference route; it has {EMBEDDINGS}, {RERANK}" in ran.err
