"""What a browser asks before it POSTs from another site, answered at the edge: a CloudFront Function.

The gateway knows no OPTIONS, and a preflight carries no API key. What it is told is in the Fetch standard:
fetch.spec.whatwg.org/#cors-preflight-fetch.
"""

import json
from collections.abc import Mapping

import pulumi
from pulumi_aws import cloudfront as cf

from inference_edge_cache.plan.model import CorsPlan

RUNTIME = "cloudfront-js-2.0"

_CODE = """\
var cors = %s;

function handler(event) {
    var request = event.request;
    if (request.method !== 'OPTIONS') {
        return request;
    }
    var headers = {'cache-control': {value: 'no-store'}, 'vary': {value: 'Origin'}};
    var origin = request.headers.origin ? request.headers.origin.value : '';
    if (cors.origins.some(function (allowed) { return matches(allowed, origin); })) {
        headers['access-control-allow-origin'] = {value: cors.origins.indexOf('*') < 0 ? origin : '*'};
        headers['access-control-allow-methods'] = {value: cors.methods};
        headers['access-control-allow-headers'] = {value: cors.headers};
        headers['access-control-max-age'] = {value: cors.maxAge};
        if (cors.credentials) {
            headers['access-control-allow-credentials'] = {value: 'true'};
        }
    }
    return {statusCode: 204, statusDescription: 'No Content', headers: headers};
}

function matches(allowed, origin) {
    if (allowed === '*' || allowed === origin) {
        return true;
    }
    var star = allowed.indexOf('*');
    var rest = allowed.slice(star + 1);
    return star > 0 && origin.length > star + rest.length && origin.indexOf(allowed.slice(0, star)) === 0
        && origin.slice(-rest.length) === rest && /^[A-Za-z0-9.-]+$/.test(origin.slice(star, -rest.length));
}
"""


def function_args(name: str, cors: CorsPlan, tags: Mapping[str, pulumi.Input[str]] | None) -> cf.FunctionArgs:
    comment = f"Answers preflights of the edge cache {name}"
    return cf.FunctionArgs(comment=comment, runtime=RUNTIME, code=code(cors), tags=tags)


def code(cors: CorsPlan) -> str:
    """The function, with what is allowed written into it: it can read nothing else."""
    allowed = {
        "origins": list(cors.allow_origins),
        "methods": ", ".join(cors.allow_methods),
        "headers": ", ".join(cors.allow_headers),
        "maxAge": str(cors.max_age),
        "credentials": cors.allow_credentials,
    }
    return _CODE % json.dumps(allowed, sort_keys=True)
