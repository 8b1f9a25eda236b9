"""The results bucket as each cloud serves it, and when the gateway is asked after it."""

import pytest

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.gateway.config import ResultRules
from inference_edge_cache.gateway.messages import Request, Response
from inference_edge_cache.gateway.store import Damaged, Result, StoreFailed
from inference_edge_cache.gateway.stores.memory import MemoryStore
from inference_edge_cache.local.tiers import bucket_tier, failing_over

NOON = 1_800_000_000
DAY = 86_400
PATH = f"/v1/e/~/{'g' * 12}/{'s' * 12}/{'k' * 43}"
RULES = {"/v1/e": ResultRules(ttl=3600, result_max_age=DAY + 1, browser_ttl=60, stale_if_error=600)}
ABSENT = {Cloud.AWS: 403, Cloud.GCP: 404}
clouds = pytest.mark.parametrize("cloud", Cloud)


def stored():
    store = MemoryStore()
    assert store.put(PATH, Result(b'{"v": 1}', "application/json", NOON), "public")
    return store


def asked(store, cloud=Cloud.AWS, *, method="GET", path=PATH, later=0, **headers):
    lines = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    lies = store.get(PATH)
    since = lies.last_modified if lies is not None and hasattr(lies, "last_modified") else NOON
    tier = bucket_tier(store, RULES, cloud, lambda: since + later)
    return tier(Request(method=method, path=path, headers=lines))


@clouds
def test_an_object_says_what_it_was_stored_with(cloud):
    answer = asked(stored(), cloud, later=7)
    assert (answer.status, answer.body) == (200, b'{"v": 1}')
    assert dict(answer.headers) == {
        "content-type": "application/json",
        "content-length": "8",
        "cache-control": "public, max-age=60, s-maxage=3600, stale-if-error=600",
        "etag": answer.header("etag"),
        "last-modified": answer.header("last-modified"),
    }


@clouds
def test_what_is_not_there_is_what_the_clouds_storage_says_to_who_may_not_list(cloud):
    assert asked(MemoryStore(), cloud).status == ABSENT[cloud]
    assert asked(stored(), cloud, path="/v1/e/~/nonsense").status == ABSENT[cloud]


@clouds
def test_an_object_is_there_until_the_whole_days_of_its_lifecycle_are_over(cloud):
    assert asked(stored(), cloud, later=2 * DAY - 1).status == 200
    assert asked(stored(), cloud, later=2 * DAY).status == ABSENT[cloud]


class Broken:
    def __init__(self, failure):
        self.failure = failure

    def get(self, path):
        if isinstance(self.failure, Exception):
            raise self.failure
        return self.failure


def test_a_file_that_is_no_whole_object_is_not_there():
    assert asked(Broken(Damaged("1"))).status == 403


def test_a_folder_that_cannot_be_read_is_a_bucket_that_is_down():
    tier = bucket_tier(Broken(StoreFailed("folder: EIO")), RULES, Cloud.AWS, lambda: NOON)
    assert tier(Request(method="GET", path=PATH)).status == 503


def test_a_head_is_the_headers_alone():
    head = asked(stored(), method="HEAD")
    assert (head.body, head.header("content-length")) == (b"", "8")


def test_an_object_is_confirmed_to_who_has_it():
    etag = asked(stored()).header("etag")
    assert asked(stored(), if_none_match=etag).status == 304
    assert asked(stored(), if_none_match='"other"').status == 200


@pytest.mark.parametrize(("cloud", "status"), [(Cloud.AWS, 400), (Cloud.GCP, 200)])
def test_s3_alone_refuses_more_than_8_kib_of_headers(cloud, status):
    fits = 8192 - len("a: \r\n")
    assert asked(stored(), cloud, a="x" * fits).status == 200
    assert asked(stored(), cloud, a="x" * (fits + 1)).status == status


@pytest.mark.parametrize("status", [403, 404, 500, 502, 503, 504])
def test_the_second_tier_answers_where_the_first_has_nothing(status):
    tier = failing_over(lambda _: Response(status=status, headers=()), lambda _: Response(status=299, headers=()))
    assert tier(Request(method="GET", path=PATH)).status == 299


@pytest.mark.parametrize("status", [200, 304, 400, 405, 416, 429])
def test_any_other_answer_of_the_first_tier_is_the_answer(status):
    tier = failing_over(lambda _: Response(status=status, headers=()), lambda _: Response(status=299, headers=()))
    assert tier(Request(method="GET", path=PATH)).status == status
