"""The reference deployment, every input of every resource: an endpoint and a bucket, TTLs 0 / 1 h / 24 h, every query
parameter in the key, no cookies."""

from inference_edge_cache import CachePolicy

POLICY = CachePolicy(min_ttl=0, default_ttl=3600, max_ttl=86_400)
OPERATIONS_TAKE = {
    "origin": {"create": "120m", "update": "120m", "delete": "120m"},
    "service": {"create": "60m", "update": "60m", "delete": "60m"},
}
ORIGINS = "projects/my-project/locations/global/edgeCacheOrigins"
SHOWS_STATUS = [{"headerName": "x-cache", "headerValue": "{cdn_cache_status}", "replace": True}]
SAYS_WHO_ASKS = [{"headerName": "authorization"}, {"headerName": "cookie"}]


def reference(deployed):
    return deployed(policy=POLICY, bucket={})


def test_what_is_made(deployed):
    assert reference(deployed).tree() == (
        "inference-edge-cache:index:InferenceEdgeCache embeddings\n"
        "  gcp:networkservices/edgeCacheOrigin:EdgeCacheOrigin embeddings-origin\n"
        "  gcp:networkservices/edgeCacheOrigin:EdgeCacheOrigin embeddings-origin-bucket\n"
        "  gcp:networkservices/edgeCacheService:EdgeCacheService embeddings-service\n"
        "  gcp:storage/bucket:Bucket embeddings-bucket\n"
        "  gcp:storage/bucketIAMMember:BucketIAMMember embeddings-bucket-reader"
    )


def test_bucket(deployed):
    assert reference(deployed).one("Bucket").inputs == {
        "location": "US",
        "uniformBucketLevelAccess": True,
        "publicAccessPrevention": "enforced",
        "versioning": {"enabled": True},
        "lifecycleRules": [
            {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 30, "withState": "ARCHIVED"}},
            {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}},
        ],
        "forceDestroy": False,
    }


def test_bucket_reader(deployed):
    recording = reference(deployed)
    assert recording.one("BucketIAMMember").inputs == {
        "bucket": recording.one("Bucket").outputs["name"],
        "role": "roles/storage.objectViewer",
        "member": "serviceAccount:service-456789012345@gcp-sa-mediaedgefill.iam.gserviceaccount.com",
    }


def test_origin(deployed):
    origin = reference(deployed).one("embeddings-origin")
    assert origin.inputs == {
        "originAddress": "model.example.com",
        "protocol": "HTTPS",
        "port": 443,
        "maxAttempts": 1,
        "retryConditions": ["CONNECT_FAILURE"],
        "timeout": {
            "connectTimeout": "15s",
            "maxAttemptsTimeout": "30s",
            "readTimeout": "30s",
            "responseTimeout": "120s",
        },
        "originOverrideAction": {"urlRewrite": {"hostRewrite": "model.example.com"}},
    }
    assert origin.options.custom_timeouts == OPERATIONS_TAKE["origin"]


def test_bucket_origin(deployed):
    recording = reference(deployed)
    origin = recording.one("embeddings-origin-bucket")
    assert origin.inputs == {"originAddress": f"gs://{recording.one('Bucket').outputs['name']}"}
    assert origin.options.custom_timeouts == OPERATIONS_TAKE["origin"]


def test_service(deployed):
    recording = reference(deployed)
    endpoint, bucket = recording.one("embeddings-origin").id, recording.one("embeddings-origin-bucket").id
    assert endpoint.startswith(f"{ORIGINS}/embeddings-origin-")
    assert bucket.startswith(f"{ORIGINS}/embeddings-origin-bucket-")
    artifacts = {
        "priority": "922",
        "matchRules": [{"prefixMatch": "/artifacts/"}],
        "routeMethods": {"allowedMethods": ["GET", "HEAD"]},
        "origin": bucket,
        "headerAction": {"requestHeaderToRemoves": SAYS_WHO_ASKS, "responseHeaderToAdds": SHOWS_STATUS},
        "routeAction": {
            "cdnPolicy": {
                "cacheMode": "FORCE_CACHE_ALL",
                "defaultTtl": "86400s",
                "negativeCaching": False,
                "cacheKeyPolicy": {"excludeHost": True, "excludeQueryString": True},
            },
            "compressionMode": "AUTOMATIC",
        },
    }
    posts = {
        "priority": "997",
        "matchRules": [
            {"prefixMatch": "/", "headerMatches": [{"headerName": ":method", "exactMatch": method}]}
            for method in ("PUT", "POST", "PATCH", "DELETE")
        ],
        "routeMethods": {"allowedMethods": ["PUT", "POST", "PATCH", "DELETE"]},
        "origin": endpoint,
        "headerAction": {"responseHeaderToAdds": SHOWS_STATUS},
        "routeAction": {"cdnPolicy": {"cacheMode": "BYPASS_CACHE"}, "compressionMode": "AUTOMATIC"},
    }
    gets = {
        "priority": "998",
        "matchRules": [{"prefixMatch": "/"}],
        "routeMethods": {"allowedMethods": ["GET", "HEAD", "OPTIONS"]},
        "origin": endpoint,
        "headerAction": {"requestHeaderToRemoves": SAYS_WHO_ASKS, "responseHeaderToAdds": SHOWS_STATUS},
        "routeAction": {
            "cdnPolicy": {
                "cacheMode": "CACHE_ALL_STATIC",
                "defaultTtl": "3600s",
                "maxTtl": "86400s",
                "negativeCaching": False,
                "cacheKeyPolicy": {"excludeHost": True, "excludeQueryString": False},
            },
            "compressionMode": "AUTOMATIC",
        },
    }
    service = recording.one("EdgeCacheService")
    assert service.inputs == {
        "routing": {
            "hostRules": [{"hosts": ["*"], "pathMatcher": "routes"}],
            "pathMatchers": [{"name": "routes", "routeRules": [artifacts, posts, gets]}],
        },
        "requireTls": False,
        "logConfig": {"enable": False},
    }
    assert service.options.custom_timeouts == OPERATIONS_TAKE["service"]


def test_outputs(deployed):
    recording = reference(deployed)
    service = recording.one("EdgeCacheService")
    (address,) = service.outputs["ipv4Addresses"]
    assert recording.one("InferenceEdgeCache").outputs == {
        "url": f"http://{address}",
        "domainName": address,
        "cacheId": service.id,
        "bucketName": recording.one("Bucket").outputs["name"],
    }


def test_the_bucket_is_read_by_the_agent_of_the_providers_project(deployed):
    recording = reference(deployed)
    assert [(invoke.token, invoke.args) for invoke in recording.invokes] == [
        ("gcp:organizations/getProject:getProject", {})
    ]
    assert deployed().invokes == ()


def test_warnings_tell_of_json_and_of_plain_http(deployed):
    http, json = reference(deployed).warnings
    assert http.startswith("embeddings: Without custom_domain the cache answers on its IP address over plain HTTP.")
    assert json.startswith("embeddings: policy.mode: Media CDN caches JSON only when the origin sends Cache-Control")


def test_nothing_to_warn_of_with_force_and_a_custom_domain(deployed):
    domain = {"names": ["cache.example.com"], "certificate": "projects/p/locations/global/certificates/c"}
    assert deployed(policy={"mode": "force"}, custom_domain=domain, bucket={}).warnings == ()
