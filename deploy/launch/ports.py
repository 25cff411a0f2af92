"""Free ports: the usual one when nobody has it, else any."""

import socket


def port_free(usual: int) -> int:
    """Return ``usual`` when it can be listened on at the loopback address, else a free port."""
    for port in (usual, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("No port is free on 127.0.0.1.")
