"""Imported by every Python that the emulator starts: this machine is the whole network.

``*.example.com``, where the tests' origins live, is this machine; no other name is found, and no other address is
connected to.
"""

import ipaddress
import socket

_HERE = ("localhost", "127.0.0.1", "::1")
_look_up, _connect, _connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex


def _getaddrinfo(host, *args, **kwargs):
    name = host.decode() if isinstance(host, bytes) else host
    if name is not None and name.endswith(".example.com"):
        name = "127.0.0.1"
    if name is not None and name not in _HERE:
        raise socket.gaierror(socket.EAI_NONAME, f"{name} is not on this machine")
    return _look_up(name, *args, **kwargs)


def _check(sock, address):
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        name = address[0]
        if name != "localhost" and not ipaddress.ip_address(name).is_loopback:
            raise ConnectionRefusedError(f"{name} is not this machine")


def _connect_here(self, address):
    _check(self, address)
    return _connect(self, address)


def _connect_ex_here(self, address):
    _check(self, address)
    return _connect_ex(self, address)


socket.getaddrinfo = _getaddrinfo
socket.socket.connect, socket.socket.connect_ex = _connect_here, _connect_ex_here
