"""A resource's options, out of the request that registers it."""

from __future__ import annotations

from typing import Any

from inference_edge_cache.testing._recording import Options


def options_of(request: Any) -> Options:
    """The options in a `RegisterResourceRequest`."""
    by_input = request.propertyDependencies.items()
    timeouts = request.customTimeouts
    return Options(
        protect=request.protect,
        depends_on=tuple(sorted(request.dependencies)),
        property_dependencies={key: tuple(sorted(found.urns)) for key, found in by_input if found.urns},
        aliases=tuple(alias.urn or _alias(alias.spec) for alias in request.aliases),
        provider=provider_urn(request.provider),
        providers={package: provider_urn(ref) or "" for package, ref in request.providers.items()},
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        retain_on_delete=request.retainOnDelete,
        deleted_with=request.deletedWith or None,
        custom_timeouts={k: v for k in ("create", "update", "delete") if (v := getattr(timeouts, k))},
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        import_id=request.importId or None,
    )


def _alias(spec: Any) -> dict[str, Any]:
    named = {
        "name": spec.name,
        "type": spec.type,
        "parent": spec.parentUrn,
        "no_parent": spec.noParent,
        "stack": spec.stack,
        "project": spec.project,
    }
    return {key: value for key, value in named.items() if value}


def provider_urn(reference: str) -> str | None:
    """The URN in a provider reference, which is `urn::id`; None without one."""
    return reference.rpartition("::")[0] or None
