"""What a program can do wrong with the protocol, as one tree. What is wrong with a request is a value, not an error.

::

    EdgeCacheError
    └── ProtocolError
        ├── KeyMaterialError        a master secret that is too short, a tenant or scope that names nobody
        ├── RulesError              the rules of a route contradict the protocol
        ├── PathError               a route, generation, scope or key that cannot stand in a path
        └── DiscoveryError          a discovery document that is malformed
            └── VersionRefusedError     it is well-formed, and of a protocol version that must not be used
"""

from inference_edge_cache.errors import EdgeCacheError


class ProtocolError(EdgeCacheError):
    """Root of what this package raises. No message ever holds a secret, a prompt or a header's value."""


class KeyMaterialError(ProtocolError):
    """A key cannot be derived from what was given."""


class RulesError(ProtocolError):
    """The rules of a route contradict the protocol."""


class PathError(ProtocolError):
    """A part of an inference path has characters that a path of this protocol never has."""


class DiscoveryError(ProtocolError):
    """A discovery document is not JSON, or not one of this protocol. The message names the field."""


class VersionRefusedError(DiscoveryError):
    """A discovery document of an unknown protocol version, or of a lower one than was seen before."""
