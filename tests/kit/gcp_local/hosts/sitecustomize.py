"""A hosts file for one process: ``HOSTS_IN_TESTS`` says where names lead that end as its keys do.

Python imports this by itself when its folder is on ``PYTHONPATH``.
"""

import json
import os
import socket

_ELSEWHERE = json.loads(os.environ["HOSTS_IN_TESTS"])
_really = socket.getaddrinfo


def _getaddrinfo(host, port, *args, **kwargs):
    for ending, local in _ELSEWHERE.items():
        if isinstance(host, str) and host.endswith(ending):
            return _really("127.0.0.1", local, *args, **kwargs)
    if host not in ("127.0.0.1", "localhost", "0.0.0.0", "::", "", None):
        raise socket.gaierror(socket.EAI_NONAME, f"{host} is not of this test")
    return _really(host, port, *args, **kwargs)


socket.getaddrinfo = _getaddrinfo
