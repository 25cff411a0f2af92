"""Reaching out: to the database, the broker, the network, and other processes."""

import ctypes
import os
import signal
import socket
from typing import Any

Targets = dict[str, Any]
_TIMEOUT_S = 2


def connect_the_broker(targets: Targets) -> str:
    return _connected(("127.0.0.1", targets["broker_port"]))


def connect_the_database(targets: Targets) -> str:
    return _connected(("127.0.0.1", targets["tcp_port"]))


def connect_the_metadata_service(targets: Targets) -> str:
    return _connected(("169.254.169.254", 80))


def connect_the_internet(targets: Targets) -> str:
    return _connected(("1.1.1.1", 53))


def connect_by_ipv6(targets: Targets) -> str:
    with socket.socket(socket.AF_INET6) as one:
        one.settimeout(_TIMEOUT_S)
        one.connect(("::1", targets["tcp_port"]))
        return "connected"


def ask_a_name_server(targets: Targets) -> str:
    return str(socket.getaddrinfo("example.com", 80))


def send_a_datagram(targets: Targets) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"out", ("127.0.0.1", targets["udp_port"]))
        return "sent"


def connect_an_abstract_socket(targets: Targets) -> str:
    return _connected_unix("\0" + targets["abstract_name"])


def connect_a_socket_file(targets: Targets) -> str:
    return _connected_unix(targets["socket_path"])


def send_to_a_socket_file(targets: Targets) -> str:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        one.sendto(b"out", targets["datagram_path"])
        return "sent"


def listen_to_the_world(targets: Targets) -> str:
    with socket.socket() as one:
        one.bind(("0.0.0.0", 0))
        one.listen()
        return str(one.getsockname())


def read_every_packet(targets: Targets) -> str:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)):
        return "opened"


def speak_to_the_kernel(targets: Targets) -> str:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0):
        return "opened"


def signal_the_worker(targets: Targets) -> str:
    os.kill(targets["worker_pid"], signal.SIGCONT)
    return "signalled"


def kill_another_host(targets: Targets) -> str:
    os.kill(targets["neighbour_pid"], signal.SIGKILL)
    return "killed"


def kill_another_hosts_group(targets: Targets) -> str:
    os.killpg(targets["neighbour_pid"], signal.SIGKILL)
    return "killed"


def signal_everybody(targets: Targets) -> None:
    """Send what is ignored by all but the worker; the kernel tells nobody whom it reached."""
    os.kill(-1, signal.SIGWINCH)


def trace_the_worker(targets: Targets) -> str:
    return _traced(targets["worker_pid"])


def trace_another_host(targets: Targets) -> str:
    return _traced(targets["neighbour_pid"])


def take_the_workers_descriptor(targets: Targets) -> str:
    pidfd = os.pidfd_open(targets["worker_pid"])
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(438, pidfd, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "taken"


def join_the_workers_network(targets: Targets) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(f"/proc/{targets['worker_pid']}/ns/net", os.O_RDONLY)
    if libc.setns(fd, 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "joined"


def _connected(address: tuple[str, int]) -> str:
    with socket.create_connection(address, timeout=_TIMEOUT_S) as one:
        return str(one.getpeername())


def _connected_unix(address: str) -> str:
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(_TIMEOUT_S)
        one.connect(address)
        return "connected"


def _traced(pid: int) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    seize = 0x4206
    if libc.ptrace(seize, pid, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "traced"
