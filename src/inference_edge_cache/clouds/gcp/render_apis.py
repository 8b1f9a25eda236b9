"""The APIs that a deployment needs enabled in its project."""

from pulumi_gcp import projects

from inference_edge_cache.clouds import gateways
from inference_edge_cache.plan.model import EdgePlan, GatewayPlan, VertexModelPlan

_OF_THE_GATEWAY = ("artifactregistry", "cloudbuild", "cloudfunctions", "iam", "run")


def needed_apis(plan: EdgePlan) -> tuple[str, ...]:
    """What comes before ``.googleapis.com``, in order. Certificates and policies are made elsewhere, with theirs."""
    needed = {"networkservices"}
    if plan.bucket is not None or plan.gateway is not None:
        needed |= {"cloudresourcemanager", "storage"}
    if plan.gateway is not None:
        needed |= {*_OF_THE_GATEWAY, *_of_the_model(plan.gateway)}
        needed |= {"logging", "monitoring"} if plan.gateway.dashboard else set()
    return tuple(sorted(needed))


def api_args(api: str) -> projects.ServiceArgs:
    """An API is the project's: others may use it by the time that this cache goes."""
    return projects.ServiceArgs(service=f"{api}.googleapis.com", disable_on_destroy=False)


def _of_the_model(gateway: GatewayPlan) -> set[str]:
    headers = gateways.model_with_headers(gateway) is not None
    secrets = {"secretmanager"} if headers or gateway.master_secret is not None else set[str]()
    return secrets | ({"aiplatform"} if isinstance(gateway.model, VertexModelPlan) else set())
