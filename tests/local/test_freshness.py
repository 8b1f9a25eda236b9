"""How long each cloud keeps an answer. Every row is a sentence of the cloud's documentation, or a bug it prevents."""

import pytest

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.local import edge_ttl
from inference_edge_cache.policy import CacheKey, CachePolicy

HOUR, DAY = 3600, 86_400
DATE = "Mon, 02 Nov 2026 10:00:00 GMT"
IN_TEN_MINUTES = "Mon, 02 Nov 2026 10:10:00 GMT"

HONOR = CachePolicy(default_ttl="1h", max_ttl="1d")
FLOOR = CachePolicy(min_ttl=30, default_ttl="1h", max_ttl="1d")
FORCE = CachePolicy(mode="force", default_ttl="2h")
KEYED = CachePolicy(key=CacheKey(headers=["x-tenant"]))
NEGATIVE = CachePolicy(default_ttl="1h", max_ttl="1d", negative_ttl={404: 10, 503: "2s"})

CLOUDFRONT = [
    # policy, status, the origin's headers, seconds kept, why
    (HONOR, 200, {}, HOUR, "the origin does not say: default_ttl"),
    (HONOR, 200, {"cache-control": "max-age=60"}, 60, "the origin's max-age=60"),
    (HONOR, 200, {"cache-control": "max-age=60, s-maxage=90"}, 90, "the origin's s-maxage=90"),
    (HONOR, 200, {"cache-control": "max-age=9", "expires": IN_TEN_MINUTES, "date": DATE}, 9, "the origin's max-age=9"),
    (HONOR, 200, {"expires": IN_TEN_MINUTES, "date": DATE}, 600, "the origin's Expires"),
    (HONOR, 200, {"expires": DATE, "date": IN_TEN_MINUTES}, 0, "the origin's Expires"),
    (HONOR, 200, {"expires": "0", "date": DATE}, 0, "the origin's Expires"),
    (HONOR, 200, {"expires": IN_TEN_MINUTES}, 0, "the origin's Expires"),
    (HONOR, 200, {"cache-control": "max-age=0"}, 0, "the origin's max-age=0"),
    (HONOR, 200, {"cache-control": "max-age=172800"}, DAY, "the origin's max-age=172800, lowered to max_ttl"),
    (HONOR, 200, {"cache-control": "public"}, HOUR, "the origin does not say: default_ttl"),
    (HONOR, 200, {"cache-control": "max-age=soon"}, HOUR, "the origin does not say: default_ttl"),
    (HONOR, 200, {"cache-control": 'MAX-AGE="60"'}, 60, "the origin's max-age=60"),
    (HONOR, 200, {"cache-control": "max-age=60, max-age=7000"}, 60, "the origin's max-age=60"),
    (HONOR, 200, {"cache-control": "no-store"}, 0, "the origin says no-store"),
    (HONOR, 200, {"cache-control": "no-cache"}, 0, "the origin says no-cache"),
    (HONOR, 200, {"cache-control": "private, max-age=600"}, 0, "the origin says private"),
    (HONOR, 200, {"cache-control": 'max-age=60, no-cache="Set-Cookie"'}, 60, "the origin's max-age=60"),
    (HONOR, 200, {"cache-control": 'max-age=60, no-cache="X-User"'}, 0, "the origin says no-cache"),
    (HONOR, 200, {"content-type": "application/json"}, HOUR, "the origin does not say: default_ttl"),
    (HONOR, 200, {"vary": "Accept-Language"}, HOUR, "the origin does not say: default_ttl"),
    (HONOR, 200, {"vary": "*", "cache-control": "max-age=60"}, 0, "the origin says Vary: *"),
    (HONOR, 200, {"set-cookie": "a=b", "cache-control": "max-age=60"}, 60, "the origin's max-age=60"),
    # min_ttl is stronger than the origin's refusal: documented, and a leak waiting to happen
    (FLOOR, 200, {"cache-control": "no-store"}, 30, "min_ttl, against the origin's wish"),
    (FLOOR, 200, {"cache-control": "private"}, 30, "min_ttl, against the origin's wish"),
    (FLOOR, 200, {"cache-control": "max-age=5"}, 30, "the origin's max-age=5, raised to min_ttl"),
    (FLOOR, 200, {"vary": "*"}, HOUR, "the origin does not say: default_ttl"),
    # redirects
    (HONOR, 301, {}, HOUR, "the origin does not say: default_ttl"),
    (HONOR, 307, {}, 0, "CloudFront keeps a 307 only when the origin sends Cache-Control"),
    (HONOR, 308, {"cache-control": "max-age=60"}, 60, "the origin's max-age=60"),
    (FORCE, 307, {}, 0, "CloudFront keeps a 307 only when the origin sends Cache-Control"),
    # force: min = default = max
    (FORCE, 200, {}, 2 * HOUR, "mode is force: default_ttl"),
    (FORCE, 200, {"cache-control": "max-age=5"}, 2 * HOUR, "mode is force: default_ttl"),
    (FORCE, 200, {"cache-control": "no-store, private"}, 2 * HOUR, "mode is force: default_ttl"),
    # errors: not kept unless negative_ttl or the origin's own max-age asks for it
    (HONOR, 404, {}, 0, "nothing asks to keep a 404"),
    (HONOR, 500, {}, 0, "nothing asks to keep a 500"),
    (FORCE, 500, {}, 0, "nothing asks to keep a 500"),
    (HONOR, 404, {"cache-control": "max-age=60"}, 60, "the origin's max-age=60"),
    (HONOR, 404, {"cache-control": "max-age=172800"}, DAY, "the origin's max-age=172800, lowered to max_ttl"),
    (HONOR, 404, {"cache-control": "private, max-age=60"}, 0, "nothing asks to keep a 404"),
    (NEGATIVE, 404, {}, 10, "negative_ttl for 404"),
    (NEGATIVE, 503, {}, 2, "negative_ttl for 503"),
    (NEGATIVE, 500, {}, 0, "nothing asks to keep a 500"),
    (NEGATIVE, 404, {"cache-control": "max-age=60"}, 60, "the origin's max-age=60"),
    (NEGATIVE, 404, {"cache-control": "max-age=3"}, 10, "negative_ttl for 404"),
    (NEGATIVE, 404, {"cache-control": "no-store"}, 10, "negative_ttl for 404"),
    (HONOR, 403, {}, 0, "nothing asks to keep a 403"),
    (HONOR, 403, {"cache-control": "max-age=60"}, 60, "the origin's max-age=60"),
    (CachePolicy(negative_ttl={403: 30}), 403, {}, 0, "nothing asks to keep a 403"),
    (HONOR, 429, {"cache-control": "max-age=60"}, 0, "CloudFront never keeps a 429"),
    (HONOR, 401, {"cache-control": "max-age=60"}, 0, "CloudFront never keeps a 401"),
    (CachePolicy(mode="bypass"), 200, {"cache-control": "max-age=60"}, 0, "mode is bypass"),
]

JSON = {"content-type": "application/json"}
IMAGE = {"content-type": "image/png"}
PUBLIC = {**JSON, "cache-control": "public, max-age=60"}

MEDIA_CDN = [
    (HONOR, 200, JSON, 0, "Media CDN keeps application/json only when the origin sends a max-age"),
    (HONOR, 200, {}, 0, "Media CDN keeps content without a type only when the origin sends a max-age"),
    (HONOR, 200, {**JSON, "cache-control": "public"}, 0, "Media CDN keeps application/json only when"),
    (HONOR, 200, {"content-type": "text/html; charset=utf-8"}, 0, "Media CDN keeps text/html only when"),
    (HONOR, 200, PUBLIC, 60, "the origin's max-age=60"),
    (HONOR, 200, {**JSON, "cache-control": "max-age=60"}, 60, "the origin's max-age=60"),
    (HONOR, 200, {**JSON, "cache-control": "s-maxage=90, max-age=60"}, 90, "the origin's s-maxage=90"),
    (HONOR, 200, {**JSON, "expires": IN_TEN_MINUTES, "date": DATE}, 600, "the origin's Expires"),
    (HONOR, 200, {**JSON, "cache-control": "max-age=172800"}, DAY, "the origin's max-age=172800, lowered to max_ttl"),
    (HONOR, 200, {**PUBLIC, "age": "20"}, 40, "the origin's max-age=60 less Age=20"),
    (HONOR, 200, {**PUBLIC, "age": "90"}, 0, "the origin's max-age=60 less Age=90"),
    (HONOR, 200, {**PUBLIC, "age": "old"}, 60, "the origin's max-age=60"),
    (HONOR, 200, IMAGE, HOUR, "image/png is static content, the origin does not say: default_ttl"),
    (HONOR, 200, {"content-type": "Text/CSS; charset=utf-8"}, HOUR, "text/css is static content"),
    (HONOR, 200, {**IMAGE, "cache-control": "no-store"}, 0, "the origin says no-store"),
    (HONOR, 200, {**IMAGE, "cache-control": "private"}, 0, "the origin says private"),
    (HONOR, 200, {**IMAGE, "cache-control": "max-age=0"}, 0, "the origin's max-age=0"),
    (HONOR, 302, IMAGE, 0, "nothing asks to keep a 302"),
    (HONOR, 302, {"cache-control": "max-age=60"}, 60, "the origin's max-age=60"),
    # never, in any mode
    (HONOR, 201, PUBLIC, 0, "Media CDN never keeps a 201"),
    (FORCE, 429, PUBLIC, 0, "Media CDN never keeps a 429"),
    (HONOR, 200, {**PUBLIC, "set-cookie": "a=b"}, 0, "the answer sets a cookie"),
    (FORCE, 200, {**PUBLIC, "set-cookie": "a=b"}, 0, "the answer sets a cookie"),
    (FORCE, 200, {**PUBLIC, "vary": "Cookie"}, 0, "Media CDN keeps no answer that varies by cookie"),
    (HONOR, 200, {**PUBLIC, "vary": "X-Tenant, User-Agent"}, 0, "varies by user-agent, x-tenant"),
    (HONOR, 200, {**PUBLIC, "vary": "*"}, 0, "varies by *"),
    (HONOR, 200, {**PUBLIC, "vary": "Accept-Encoding, Origin"}, 60, "the origin's max-age=60"),
    (KEYED, 200, {**PUBLIC, "vary": "X-Tenant"}, 60, "the origin's max-age=60"),
    # force
    (FORCE, 200, JSON, 2 * HOUR, "mode is force: default_ttl"),
    (FORCE, 200, {**JSON, "cache-control": "private, no-store"}, 2 * HOUR, "mode is force: default_ttl"),
    (FORCE, 204, {}, 2 * HOUR, "mode is force: default_ttl"),
    (FORCE, 500, JSON, 0, "nothing asks to keep a 500"),
    (FORCE, 404, {"cache-control": "max-age=86400"}, 2 * HOUR, "the origin's max-age=86400, lowered to max_ttl"),
    # errors
    (HONOR, 404, JSON, 0, "nothing asks to keep a 404"),
    (HONOR, 404, PUBLIC, 60, "the origin's max-age=60"),
    (NEGATIVE, 404, JSON, 10, "negative_ttl for 404"),
    (NEGATIVE, 404, PUBLIC, 10, "negative_ttl for 404"),
    (NEGATIVE, 404, {**JSON, "cache-control": "no-store"}, 10, "negative_ttl for 404"),
    (NEGATIVE, 404, {**JSON, "set-cookie": "a=b"}, 0, "the answer sets a cookie"),
    (NEGATIVE, 500, JSON, 0, "nothing asks to keep a 500"),
    (CachePolicy(negative_ttl={404: 0}), 404, PUBLIC, 0, "negative_ttl for 404"),
    (CachePolicy(mode="bypass"), 200, PUBLIC, 0, "mode is bypass"),
]


@pytest.mark.parametrize(("policy", "status", "headers", "seconds", "reason"), CLOUDFRONT)
def test_cloudfront_keeps_an_answer(policy, status, headers, seconds, reason):
    freshness = edge_ttl(policy, Cloud.AWS, {}, status, headers)
    assert (freshness.seconds, freshness.reason) == (seconds, reason)


@pytest.mark.parametrize(("policy", "status", "headers", "seconds", "reason"), MEDIA_CDN)
def test_media_cdn_keeps_an_answer(policy, status, headers, seconds, reason):
    freshness = edge_ttl(policy, Cloud.GCP, {}, status, headers)
    assert freshness.seconds == seconds
    assert reason in freshness.reason


@pytest.mark.parametrize("said", ["no-store", "no-cache", "max-age=0", "only-if-cached"])
def test_cloudfront_ignores_the_cache_control_of_a_request(said):
    assert edge_ttl(HONOR, Cloud.AWS, {"cache-control": said}, 200, {"cache-control": "max-age=60"}).seconds == 60


@pytest.mark.parametrize(
    ("request_headers", "cache_control", "seconds"),
    [
        ({"cache-control": "no-store"}, "public, max-age=60", 0),
        ({"cache-control": "no-cache, max-age=0"}, "public, max-age=60", 60),
        ({"authorization": "Bearer a"}, "max-age=60", 0),
        ({"authorization": "Bearer a"}, "s-maxage=60", 0),
        ({"authorization": "Bearer a"}, "public, max-age=60", 60),
    ],
)
def test_media_cdn_heeds_no_store_and_authorization_of_a_request(request_headers, cache_control, seconds):
    answer = {**JSON, "cache-control": cache_control}
    assert edge_ttl(HONOR, Cloud.GCP, request_headers, 200, answer).seconds == seconds


@pytest.mark.parametrize("cloud", Cloud)
@pytest.mark.parametrize("status", range(400, 600))
def test_an_error_is_never_kept_unasked(cloud, status):
    assert edge_ttl(CachePolicy(default_ttl="1d"), cloud, {}, status, JSON).seconds == 0
    assert edge_ttl(CachePolicy(mode="force", default_ttl="1d"), cloud, {}, status, JSON).seconds == 0
