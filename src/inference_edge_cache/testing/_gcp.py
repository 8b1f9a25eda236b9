"""GCP: what each resource type computes, and what each data source returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from inference_edge_cache.testing._cloud import Answer, Cloud, NewResource, Outputs


def _in_project(path: Callable[[NewResource, str], str], **more: str) -> Outputs:
    """A type whose id is `projects/{project}/{path}` and whose physical name is the input `name`."""

    def outputs(new: NewResource) -> Mapping[str, Any]:
        name = new.named()
        id_ = new.existing_id or f"projects/{_project(new)}/{path(new, name)}"
        return {"id": id_, "name": id_.rsplit("/", 1)[-1], "project": _project(new), **more, **_labels(new)}

    return outputs


def _edge_cache_service(new: NewResource) -> Mapping[str, Any]:
    digits = [int(new.hex(8)[i : i + 2], 16) for i in (0, 2)]
    return {
        **_in_project(lambda new, name: f"locations/global/edgeCacheServices/{name}")(new),
        "ipv4Addresses": [f"34.104.{digits[0]}.{digits[1]}"],
        "ipv6Addresses": [f"2600:1901:0:{new.hex(4)}::"],
    }


def _storage_bucket(new: NewResource) -> Mapping[str, Any]:
    return {**_bucket_facts(new.named(), new.cloud), "project": _project(new), **_labels(new)}


def _bucket_facts(name: str, cloud: Cloud) -> dict[str, Any]:
    return {
        "id": name,
        "name": name,
        "url": f"gs://{name}",
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}",
        "project": cloud.project,
        "projectNumber": int(cloud.project_number),
    }


def _iam_member(of: str, prefix: str = "") -> Outputs:
    """A grant: its id is the thing it is for (the input `of`), the role and the member."""

    def outputs(new: NewResource) -> Mapping[str, Any]:
        parts = (f"{prefix}{new.inputs.get(of, of)}", new.inputs.get("role"), new.inputs.get("member"))
        return {"id": "/".join(map(str, parts)), "etag": f"Bw{new.hex(8)}="}

    return outputs


def _run_service(new: NewResource) -> Mapping[str, Any]:
    name, location = new.named(), new.inputs.get("location", new.cloud.gcp_region)
    return {
        "id": f"locations/{location}/namespaces/{_project(new)}/services/{name}",
        "name": name,
        "project": _project(new),
        "statuses": [{"url": _run_url(new, name), "observedGeneration": 1}],
    }


def _run_v2_service(new: NewResource) -> Mapping[str, Any]:
    location = new.inputs.get("location", new.cloud.gcp_region)
    service = _in_project(lambda new, name: f"locations/{location}/services/{name}")(new)
    url = _run_url(new, service["name"])
    return {**service, "uri": url, "urls": [url], "latestReadyRevision": f"{service['id']}/revisions/00001"}


def _run_url(new: NewResource, name: str) -> str:
    return f"https://{name}-{new.hex(10)}-uc.a.run.app"


def _function(new: NewResource) -> Mapping[str, Any]:
    location = new.inputs.get("location", new.cloud.gcp_region)
    function = _in_project(lambda new, name: f"locations/{location}/functions/{name}")(new)
    name, uri = function["name"], _run_url(new, function["name"])
    service = f"projects/{_project(new)}/locations/{location}/services/{name}"
    return {
        **function,
        "url": f"https://{location}-{_project(new)}.cloudfunctions.net/{name}",
        "state": "ACTIVE",
        "serviceConfig": {**new.inputs.get("serviceConfig", {}), "uri": uri, "service": service},
    }


def _custom_role(new: NewResource) -> Mapping[str, Any]:
    role = new.existing_id or f"projects/{_project(new)}/roles/{new.named('roleId')}"
    return {"id": role, "name": role, "roleId": role.rsplit("/", 1)[-1], "project": _project(new)}


def _enabled_api(new: NewResource) -> Mapping[str, Any]:
    return {"id": f"{_project(new)}/{new.inputs.get('service')}", "project": _project(new)}


def _secret(new: NewResource) -> Mapping[str, Any]:
    id_ = new.existing_id or f"projects/{_project(new)}/secrets/{new.named('secretId')}"
    return {"id": id_, "name": id_, "secretId": id_.rsplit("/", 1)[-1], "project": _project(new), "createTime": CREATED}


def _secret_version(new: NewResource) -> Mapping[str, Any]:
    id_ = new.existing_id or f"{new.inputs.get('secret')}/versions/1"
    return {"id": id_, "name": id_, "version": id_.rsplit("/", 1)[-1], "createTime": CREATED}


def _service_account(new: NewResource) -> Mapping[str, Any]:
    email = f"{new.named('accountId')}@{_project(new)}.iam.gserviceaccount.com"
    id_ = f"projects/{_project(new)}/serviceAccounts/{email}"
    number = str(int(new.hex(16), 16)).zfill(21)
    return {"id": id_, "name": id_, "email": email, "member": f"serviceAccount:{email}", "uniqueId": number}


def _labels(new: NewResource) -> dict[str, Any]:
    labels = {**new.inputs.get("labels", {}), "goog-pulumi-provisioned": "true"}
    return {"effectiveLabels": labels, "pulumiLabels": labels}


def _project(new: NewResource) -> str:
    return new.inputs.get("project") or new.cloud.project


CREATED = "2026-01-01T00:00:00Z"

RESOURCES: dict[str, Outputs] = {
    "gcp:cloudfunctionsv2/function:Function": _function,
    "gcp:cloudrun/iamMember:IamMember": _iam_member("service"),
    "gcp:cloudrun/service:Service": _run_service,
    "gcp:cloudrunv2/service:Service": _run_v2_service,
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember": _iam_member("name"),
    "gcp:networkservices/edgeCacheKeyset:EdgeCacheKeyset": _in_project(
        lambda new, name: f"locations/global/edgeCacheKeysets/{name}"
    ),
    "gcp:networkservices/edgeCacheOrigin:EdgeCacheOrigin": _in_project(
        lambda new, name: f"locations/global/edgeCacheOrigins/{name}"
    ),
    "gcp:networkservices/edgeCacheService:EdgeCacheService": _edge_cache_service,
    "gcp:projects/iAMCustomRole:IAMCustomRole": _custom_role,
    "gcp:projects/iAMMember:IAMMember": _iam_member("project"),
    "gcp:projects/service:Service": _enabled_api,
    "gcp:secretmanager/secret:Secret": _secret,
    "gcp:secretmanager/secretIamMember:SecretIamMember": _iam_member("secretId"),
    "gcp:secretmanager/secretVersion:SecretVersion": _secret_version,
    "gcp:serviceaccount/account:Account": _service_account,
    "gcp:storage/bucket:Bucket": _storage_bucket,
    "gcp:storage/bucketIAMMember:BucketIAMMember": _iam_member("bucket", prefix="b/"),
    "gcp:vertex/aiEndpointIamMember:AiEndpointIamMember": _iam_member("endpoint"),
}


def _get_project(args: Mapping[str, Any], cloud: Cloud) -> Mapping[str, Any]:
    project = args.get("projectId") or cloud.project
    return {"id": f"projects/{project}", "projectId": project, "name": project, "number": cloud.project_number}


def _get_bucket(args: Mapping[str, Any], cloud: Cloud) -> Mapping[str, Any]:
    return _bucket_facts(args["name"], cloud)


def _get_client_config(args: Mapping[str, Any], cloud: Cloud) -> Mapping[str, Any]:
    where = {"project": cloud.project, "region": cloud.gcp_region, "zone": f"{cloud.gcp_region}-a"}
    return {"id": f"projects/{cloud.project}", "accessToken": "", "defaultLabels": {}, **where}


FUNCTIONS: dict[str, Answer] = {
    "gcp:organizations/getClientConfig:getClientConfig": _get_client_config,
    "gcp:organizations/getProject:getProject": _get_project,
    "gcp:storage/getBucket:getBucket": _get_bucket,
}
