"""Services of Media CDN: names, hosts, certificates, logs, and how many there may be."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from recorded import Rule

from gcp_rules.graph import KEYSET, ORIGIN, SERVICE, Graph

NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}")
HOST = re.compile(r"\*|(\*[.-])?[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[a-z0-9]([a-z0-9.-]*[a-z0-9])?[.-]\*")
QUOTAS: Mapping[str, int] = {SERVICE: 20, ORIGIN: 30, KEYSET: 10}


def names_are_allowed(graph: Graph) -> Iterator[str]:
    """A letter, then letters, digits, ``_`` and ``-``: 64 characters. API EdgeCacheService, EdgeCacheOrigin."""
    for kind in QUOTAS:
        for one in graph.of(kind):
            if not NAME.fullmatch(one.outputs["name"]):
                yield one.outputs["name"]


def names_are_taken_once(graph: Graph) -> Iterator[str]:
    """``ALREADY_EXISTS``. API EdgeCacheService, EdgeCacheOrigin."""
    for kind in QUOTAS:
        taken = Counter((one.outputs["project"], one.outputs["name"]) for one in graph.of(kind))
        yield from (name for (_, name), count in taken.items() if count > 1)


def there_are_few_of_each(graph: Graph) -> Iterator[str]:
    """20 services, 30 origins, 10 keysets in a project. DOCS/media-cdn/quotas."""
    for kind, most in QUOTAS.items():
        if len(graph.of(kind)) > most:
            yield f"{len(graph.of(kind))} of {kind}"


def hosts_lead_to_path_matchers(graph: Graph) -> Iterator[str]:
    """1 to 50 of each; a host rule names a matcher of its service, and every matcher is named. MM routing."""
    for one in graph.services:
        rules = one.inputs["routing"].get("hostRules", [])
        matchers = [matcher.get("name") for matcher in one.inputs["routing"].get("pathMatchers", [])]
        named = {rule.get("pathMatcher") for rule in rules}
        if not 1 <= len(rules) <= 50 or not 1 <= len(matchers) <= 50 or len(set(matchers)) < len(matchers):
            yield f"{one.name} has {len(rules)} host rules and the matchers {matchers}"
        yield from (f"{one.name}: {name}" for name in named ^ set(matchers))


def hosts_are_written_as_media_cdn_reads_them(graph: Graph) -> Iterator[str]:
    """1 to 10 in a rule, each once in a service; no port; ``*`` alone, at the start or at the end. MM hostRules."""
    for one in graph.services:
        rules = one.inputs["routing"].get("hostRules", [])
        for rule in rules:
            if not 1 <= len(rule.get("hosts", [])) <= 10:
                yield f"{one.name}: {len(rule.get('hosts', []))} hosts in a rule"
        hosts = Counter(host for rule in rules for host in rule.get("hosts", []))
        yield from (f"{one.name}: {host}" for host, times in hosts.items() if times > 1 or not HOST.fullmatch(host))


def tls_has_certificates(graph: Graph) -> Iterator[str]:
    """At most 5; without one nobody can be made to use TLS. MM edgeSslCertificates, requireTls."""
    for one in graph.services:
        certificates = one.inputs.get("edgeSslCertificates", [])
        if len(certificates) > 5 or (one.inputs.get("requireTls") and not certificates):
            yield f"{one.name} has {len(certificates)} certificates"
    for route in graph.routes():
        redirected = route.rule.get("urlRedirect", {}).get("httpsRedirect")
        if redirected and not route.service.inputs.get("edgeSslCertificates"):
            yield str(route)


def names_with_certificates_are_asked_over_tls(graph: Graph) -> Iterator[str]:
    """With a certificate and without ``requireTls`` plain HTTP is answered too, API keys in it and all.
    DOCS/media-cdn/docs/configure-ssl-certificates."""
    for one in graph.services:
        if one.inputs.get("edgeSslCertificates") and one.inputs.get("requireTls") is not True:
            yield one.name


def ssl_policies_are_never_set(graph: Graph) -> Iterator[str]:
    """The provider has ``sslPolicy`` and the API has no such field. API EdgeCacheService."""
    yield from (one.name for one in graph.services if "sslPolicy" in one.inputs)


def sample_rates_are_of_logs_that_are_on(graph: Graph) -> Iterator[str]:
    """``Logs sample rate must not be specified without enabling logging``; 0 to 1. API LogConfig."""
    for one in graph.services:
        log = one.inputs.get("logConfig", {})
        if "sampleRate" in log and (log.get("enable") is not True or not 0 <= log["sampleRate"] <= 1):
            yield one.name


RULES: tuple[Rule, ...] = (
    names_are_allowed,
    names_are_taken_once,
    there_are_few_of_each,
    hosts_lead_to_path_matchers,
    hosts_are_written_as_media_cdn_reads_them,
    tls_has_certificates,
    names_with_certificates_are_asked_over_tls,
    ssl_policies_are_never_set,
    sample_rates_are_of_logs_that_are_on,
)
