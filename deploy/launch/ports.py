"""Free ports: the usual one when nobody has it, else any."""

import socket


def listener_open(usual: int) -> socket.socket:
    """Return a socket that listens at ``usual``, or at any port when somebody has that one.

    Whoever holds it can hand it to a child, so that nobody takes the port in
    between.
    """
    for port in (usual, 0):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(1024)
        except OSError:
            listener.close()
            continue
        return listener
    raise OSError("No port is free on 127.0.0.1.")


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
