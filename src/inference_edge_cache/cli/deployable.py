"""Whether the chosen cloud would take a policy: the component's own rules, before anything is started or deployed."""

from inference_edge_cache.capabilities import Cloud
from inference_edge_cache.policy import CachePolicy


def check_deployable(policy: CachePolicy, cloud: Cloud) -> None:
    """Raises ``LocalEdgeError`` with every problem for which a deployment of ``policy`` would be refused."""
    from inference_edge_cache.local.accepts import raise_problems
    from inference_edge_cache.plan.checks.policies import problems_on, uses_of_policy
    from inference_edge_cache.plan.checks.uses import problems_of_uses

    raise_problems([*problems_on(policy, "policy", cloud), *problems_of_uses(uses_of_policy(policy, "policy"), cloud)])


def warnings_of(policy: CachePolicy, cloud: Cloud) -> list[str]:
    """What a deployment of ``policy`` would warn of."""
    from inference_edge_cache.plan.checks.policies import uses_of_policy
    from inference_edge_cache.plan.checks.uses import warnings_of_uses

    return warnings_of_uses(uses_of_policy(policy, "policy"), cloud)
