"""Route rules: which requests they take, where these go, and what becomes of them on the way."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from recorded import Rule

from gcp_rules.graph import Graph, Route, seconds

READS = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS = READS | {"PUT", "POST", "DELETE", "PATCH"}
PATHS = ("prefixMatch", "fullPathMatch", "pathTemplateMatch")
HEADER_TESTS = ("exactMatch", "prefixMatch", "suffixMatch", "presentMatch")
REDIRECTS = frozenset({"MOVED_PERMANENTLY_DEFAULT", "FOUND", "SEE_OTHER", "TEMPORARY_REDIRECT", "PERMANENT_REDIRECT"})


def rules_are_at_most_200(graph: Graph) -> Iterator[str]:
    """1 to 200 in a path matcher, 200 in a service. MM routeRules; DOCS/media-cdn/quotas."""
    for one in graph.services:
        counts = [len(matcher.get("routeRules", [])) for matcher in one.inputs["routing"].get("pathMatchers", [])]
        if not all(counts) or sum(counts) > 200:
            yield f"{one.name} has {counts} rules"


def priorities_are_numbers_of_their_own(graph: Graph) -> Iterator[str]:
    """1 to 999, each once in a path matcher. API RouteRule."""
    taken = Counter((route.service.urn, route.matcher, route.number) for route in graph.routes())
    for route in graph.routes():
        one_of_its_own = taken[route.service.urn, route.matcher, route.number] == 1
        if route.number is None or not 1 <= route.number <= 999 or not one_of_its_own:
            yield str(route)


def matches_are_of_one_path(graph: Graph) -> Iterator[str]:
    """1 to 5 in a rule, each of exactly one kind. From ``/`` on, 1024 characters; a template 255, with 10 wildcards and
    10 captures, ``**`` being the last of them. MM matchRules; DOCS/media-cdn/docs/routing."""
    for route in graph.routes():
        if not 1 <= len(route.matches) <= 5:
            yield f"{route} has {len(route.matches)} matches"
        for match in route.matches:
            kinds = [kind for kind in PATHS if kind in match]
            longest = 255 if kinds == ["pathTemplateMatch"] else 1024
            if len(kinds) != 1 or not match[kinds[0]].startswith("/") or len(match[kinds[0]]) > longest:
                yield f"{route} matches {[match[kind] for kind in kinds]}"
            elif kinds == ["pathTemplateMatch"] and not _is_template(match["pathTemplateMatch"]):
                yield f"{route} matches {match['pathTemplateMatch']}"


def _is_template(path: str) -> bool:
    operators = re.findall(r"\{[^}]*\}|\*\*|\*", path)
    deep = [index for index, operator in enumerate(operators) if "**" in operator]
    captures = sum(operator.startswith("{") for operator in operators)
    return len(operators) <= 10 and captures <= 10 and deep in ([], [len(operators) - 1])


def headers_are_matched_in_one_way(graph: Graph) -> Iterator[str]:
    """At most 3 in a match, each by exactly one test; ``:method`` has the method. MM headerMatches."""
    for route in graph.routes():
        for match in route.matches:
            headers = match.get("headerMatches", [])
            tests = [[test for test in HEADER_TESTS if test in header] for header in headers]
            if len(headers) > 3 or any(len(found) != 1 for found in tests):
                yield f"{route} tests {tests}"
            if any(not header.get("headerName") for header in headers):
                yield f"{route} tests a header without a name"


def parameters_are_matched_in_one_way(graph: Graph) -> Iterator[str]:
    """At most 5 in a match, names of 1 to 32 characters; a value of 1 to 64, or that it is there. MM
    queryParameterMatches."""
    for route in graph.routes():
        for match in route.matches:
            parameters = match.get("queryParameterMatches", [])
            if len(parameters) > 5:
                yield f"{route} tests {len(parameters)} parameters"
            for each in parameters:
                valued = 1 <= len(each["exactMatch"]) <= 64 if "exactMatch" in each else "presentMatch" in each
                both = "exactMatch" in each and "presentMatch" in each
                if not 1 <= len(each.get("name", "")) <= 32 or not valued or both:
                    yield f"{route} tests {each.get('name')}"


def no_rule_hides_another(graph: Graph) -> Iterator[str]:
    """The lowest number that matches wins, so a rule behind one that takes everything of its own is never asked.
    DOCS/media-cdn/docs/routing."""
    by_matcher = defaultdict[tuple[str, str], list[Route]](list)
    for route in graph.routes():
        by_matcher[route.service.urn, route.matcher].append(route)
    for routes in by_matcher.values():
        in_order = sorted(routes, key=lambda route: route.number or 0)
        for index, route in enumerate(in_order):
            before = [match for other in in_order[:index] for match in other.matches]
            if route.matches and all(any(_covers(wide, match) for wide in before) for match in route.matches):
                yield str(route)


def _covers(wide: Mapping[str, Any], narrow: Mapping[str, Any]) -> bool:
    """Whether all that ``narrow`` matches is matched by ``wide``, as far as paths tell up to a template's first
    wildcard."""
    if wide.get("queryParameterMatches") or wide.get("ignoreCase") or narrow.get("ignoreCase"):
        return False
    if any(header not in narrow.get("headerMatches", []) for header in wide.get("headerMatches", [])):
        return False
    paths = [re.split(r"[*{]", narrow[kind])[0] for kind in PATHS if kind in narrow]
    same = "fullPathMatch" in wide and wide["fullPathMatch"] == narrow.get("fullPathMatch")
    return same or ("prefixMatch" in wide and any(path.startswith(wide["prefixMatch"]) for path in paths))


def a_route_has_an_origin_or_redirects(graph: Graph) -> Iterator[str]:
    """One of the two. MM routeRules: origin, urlRedirect."""
    yield from (str(route) for route in graph.routes() if ("origin" in route.rule) == ("urlRedirect" in route.rule))


def origins_of_routes_are_of_the_graph(graph: Graph) -> Iterator[str]:
    """A name that nothing has is an error of the whole service. API RouteRule."""
    for route in graph.routes():
        if "origin" in route.rule and graph.origin(route.rule["origin"]) is None:
            yield f"{route} leads to {route.rule['origin']}"


def methods_are_known(graph: Graph) -> Iterator[str]:
    """1 to 7 of them, each once. MM routeMethods."""
    for route in graph.routes():
        methods = route.rule.get("routeMethods", {}).get("allowedMethods", ["GET"])
        if not methods or len(methods) > len(set(methods)) or not set(methods) <= METHODS:
            yield f"{route} takes {methods}"


def methods_that_are_matched_are_let_in(graph: Graph) -> Iterator[str]:
    """A rule for a method that it does not take answers it with 405. DOCS/media-cdn/docs/routing."""
    for route in graph.routes():
        for match in route.matches:
            for header in match.get("headerMatches", []):
                if header.get("headerName") == ":method" and header.get("exactMatch") not in route.methods:
                    yield f"{route} takes no {header.get('exactMatch')}"


def buckets_are_read_only(graph: Graph) -> Iterator[str]:
    """Media CDN reads a bucket: what is sent to it by another method is sent to nobody. DOCS/media-cdn/docs/origins."""
    for route in graph.routes():
        origin = graph.origin(route.rule.get("origin"))
        if origin is not None and origin.inputs["originAddress"].startswith("gs://") and not route.methods <= READS:
            yield f"{route} takes {sorted(route.methods - READS)}"


def header_actions_are_few(graph: Graph) -> Iterator[str]:
    """At most 25 of each kind, each of a header that has a name. MM headerAction."""
    for route in graph.routes():
        for action, headers in route.rule.get("headerAction", {}).items():
            names = [header.get("headerName") for header in headers]
            if not 1 <= len(names) <= 25 or not all(names) or len({*names}) < len(names):
                yield f"{route} {action}: {len(names)}"


def rewrites_fit_their_matches(graph: Graph) -> Iterator[str]:
    """A prefix from ``/`` on, 1024 characters, where no match is a template; a template of 255, where all are; a host
    of 255. One of the first two. MM urlRewrite."""
    for route in graph.routes():
        rewrite = route.action.get("urlRewrite", {})
        templates = ["pathTemplateMatch" in match for match in route.matches]
        prefix, template = rewrite.get("pathPrefixRewrite"), rewrite.get("pathTemplateRewrite")
        wrong_prefix = prefix is not None and (any(templates) or not re.fullmatch("/.{0,1023}", prefix))
        wrong_template = template is not None and (not all(templates) or not re.fullmatch("/.{0,254}", template))
        both = prefix is not None and template is not None
        if both or wrong_prefix or wrong_template or not 1 <= len(rewrite.get("hostRewrite", "x")) <= 255:
            yield str(route)


def redirects_go_somewhere(graph: Graph) -> Iterator[str]:
    """A path or a prefix, not both, of 1024 characters; a host of 255; a known status. MM urlRedirect."""
    for route in graph.routes():
        redirect = route.rule.get("urlRedirect", {})
        paths = [redirect[kind] for kind in ("pathRedirect", "prefixRedirect") if kind in redirect]
        goes = paths or "hostRedirect" in redirect or redirect.get("httpsRedirect") is True
        if "urlRedirect" in route.rule and (
            not goes
            or len(paths) > 1
            or not all(1 <= len(path) <= 1024 for path in paths)
            or not 1 <= len(redirect.get("hostRedirect", "x")) <= 255
            or redirect.get("redirectResponseCode", "FOUND") not in REDIRECTS
        ):
            yield str(route)


def pages_are_answered_completely(graph: Graph) -> Iterator[str]:
    """A preflight is kept for at most a day, or not at all with ``-1s``; 25 origins, 5 methods, 25 headers; credentials
    are for named origins (Fetch standard); and a preflight is an OPTIONS, which some rule has to let in. MM corsPolicy;
    DOCS/media-cdn/docs/routing."""
    for route in graph.routes():
        cors = route.action.get("corsPolicy")
        if cors is None:
            continue
        age = -1 if cors.get("maxAge") == "-1s" else seconds(cors.get("maxAge"))
        lists = {"allowOrigins": 25, "allowMethods": 5, "allowHeaders": 25, "exposeHeaders": 25}
        long = [name for name, most in lists.items() if len(cors.get(name, [])) > most]
        anybody = cors.get("allowCredentials") and "*" in cors.get("allowOrigins", [])
        if age is None or age > 86_400 or long or anybody or not cors.get("allowOrigins"):
            yield f"{route} {long}"
        if "OPTIONS" not in route.methods and not _answers_preflights(graph, route):
            yield f"{route} answers no preflight"


def _answers_preflights(graph: Graph, route: Route) -> bool:
    """Whether another rule takes OPTIONS for all the paths of ``route``."""
    bare = [{kind: match[kind] for kind in PATHS if kind in match} for match in route.matches]
    others = [
        match
        for other in graph.routes()
        if (other.service, other.matcher) == (route.service, route.matcher) and "OPTIONS" in other.methods
        if "corsPolicy" in other.action
        for match in other.matches
    ]
    return all(any(_covers(wide, match) for wide in others) for match in bare)


def compression_is_known(graph: Graph) -> Iterator[str]:
    """MM compressionMode."""
    for route in graph.routes():
        if route.action.get("compressionMode", "DISABLED") not in ("DISABLED", "AUTOMATIC"):
            yield str(route)


RULES: tuple[Rule, ...] = (
    rules_are_at_most_200,
    priorities_are_numbers_of_their_own,
    matches_are_of_one_path,
    headers_are_matched_in_one_way,
    parameters_are_matched_in_one_way,
    no_rule_hides_another,
    a_route_has_an_origin_or_redirects,
    origins_of_routes_are_of_the_graph,
    methods_are_known,
    methods_that_are_matched_are_let_in,
    buckets_are_read_only,
    header_actions_are_few,
    rewrites_fit_their_matches,
    redirects_go_somewhere,
    pages_are_answered_completely,
    compression_is_known,
)
