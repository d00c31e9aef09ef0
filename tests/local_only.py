"""An audit hook that ends a process as soon as something in it asks for another machine."""

import ipaddress
import os
import socket
import sys
from typing import Any

LEFT_THE_MACHINE = 77  # the status that it ends with


def stay_here(event: str, words: tuple[Any, ...]) -> None:
    """An audit hook: Python tells it of each connection and look-up, whoever makes it."""
    if event == "socket.connect":
        host = words[1][0] if isinstance(words[1], tuple) else "localhost"
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = words[0]
    elif event == "socket.sendto":
        host = words[1][0] if isinstance(words[1], tuple) else "localhost"
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost", socket.gethostname()):
        return
    try:
        if ipaddress.ip_address(str(host)).is_loopback or str(host) in ("0.0.0.0", "::"):
            return
    except ValueError:
        pass
    sys.stderr.write(f"left the machine: {event} {host}\n")
    sys.stderr.flush()
    os._exit(LEFT_THE_MACHINE)
