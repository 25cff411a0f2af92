"""Seccomp: system calls that no model needs are refused with EPERM.

The filter is classic BPF, written by hand: one comparison and one answer for each call. A call made
through another machine's door (32-bit code on a 64-bit kernel) kills, as its numbers mean others.
"""

import ctypes
import errno
import struct

from . import kernel

# name: (x86_64, aarch64), None where the machine has no such call.
REFUSED: dict[str, tuple[int | None, int | None]] = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # another view of the machine
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "setns": (308, 268),
    "unshare": (272, 97),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # the kernel itself
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "lookup_dcookie": (212, 18),
    "syslog": (103, 116),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "uselib": (134, None),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    "personality": (135, 92),
    # the machine's state
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "settimeofday": (164, 170),
    "adjtimex": (159, 171),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
}
# Every way out. A pair of connected sockets is all that is left.
_SOCKET, _CONNECT = (41, 198), (42, 203)
_SOCKETPAIR, _CLONE, _CLONE3, _IOCTL = (53, 199), (56, 220), (435, 435), (16, 29)
_PRCTL = (157, 167)

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_X32_BIT = 0x40000000
_NEW_NAMESPACES = 0x7E020000
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_NETLINK_ROUTE = 0
_ANY_PROTOCOL, _TCP = 0, 6
_SOCK_TYPE_MASK, _SOCK_STREAM, _SOCK_DGRAM = 0xF, 1, 2
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_EQUAL, _AT_LEAST, _ANY_BIT = 0x15, 0x35, 0x45
_AT_NUMBER, _AT_MACHINE, _AT_ARGUMENTS = 0, 4, 16
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

_SET_MODE_FILTER = 1

Step = tuple[int, int, int, int]

_SOCK_RAW = 3
# A local raw socket is a datagram one, too: unix_create() in Linux' net/unix/af_unix.c.
_IS_DATAGRAM: list[Step] = [
    (_AND, 0, 0, _SOCK_TYPE_MASK),
    (_EQUAL, 1, 0, _SOCK_DGRAM),
    (_EQUAL, 0, 1, _SOCK_RAW),
]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def enforce(*, has_gpu: bool, meets: bool = False) -> int:
    """Filter this thread's calls, and those of all it starts, for good; return how many steps.

    ``has_gpu``: CUDA does not begin without a local socket of its own, so it may make one, which
    reaches nobody. ``meets``: behind walls with a network of its own and no stranger's socket
    files, its processes may connect to each other. Needs no_new_privs. Raises OSError, also on a
    machine whose numbers are not known here.
    """
    steps = program(kernel.machine(), has_gpu=has_gpu, meets=meets)
    packed = b"".join(struct.pack("HBBI", *step) for step in steps)
    # The pointer to the steps is eight bytes in: ctypes aligns it as C does.
    kernel.syscall(
        "seccomp",
        ctypes.c_uint(_SET_MODE_FILTER),
        ctypes.c_uint(0),
        ctypes.byref(_Program(len(steps), packed)),
    )
    return len(steps)


def program(machine: str, *, has_gpu: bool = False, meets: bool = False) -> list[Step]:
    """Write the filter for a machine. Raises OSError for one whose numbers are not known."""
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, f"no filter is written for {machine}")
    column, architecture = _MACHINES[machine]
    steps: list[Step] = [
        (_LOAD, 0, 0, _AT_MACHINE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _AT_NUMBER),
    ]
    if machine == "x86_64":
        steps += _answer((_AT_LEAST, 0, 1, _X32_BIT), errno.EPERM)
    for numbers in REFUSED.values():
        number = numbers[column]
        if number is not None:
            steps += _answer((_EQUAL, 0, 1, number), errno.EPERM)
    sockets = _meeting if meets else _sockets
    steps += sockets(column, has_gpu=has_gpu)
    # ENOSYS: a C library then starts its threads by clone, whose flags a filter can read.
    steps += _answer((_EQUAL, 0, 1, _CLONE3[column]), errno.ENOSYS)
    steps += _argument(_CLONE[column], 0, [(_ANY_BIT, 0, 1, _NEW_NAMESPACES)])
    # A datagram socket of a pair can still be sent from to any other by its path.
    steps += _argument(_SOCKETPAIR[column], 1, _IS_DATAGRAM)
    # A process that cannot be looked at could not be found to be ended.
    steps += _argument(_PRCTL[column], 0, [(_EQUAL, 0, 1, kernel.PR_SET_DUMPABLE)])
    for command in (_TIOCSTI, _TIOCLINUX):
        steps += _argument(_IOCTL[column], 1, [(_EQUAL, 0, 1, command)])
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


def _sockets(column: int, *, has_gpu: bool) -> list[Step]:
    """Refuse every socket; with a GPU, every one but a local one that cannot be connected."""
    if not has_gpu:
        return _answer((_EQUAL, 0, 1, _SOCKET[column]), errno.EPERM)
    return [
        *_argument(_SOCKET[column], 0, [(_EQUAL, 1, 0, _AF_UNIX)]),
        *_argument(_SOCKET[column], 1, _IS_DATAGRAM),
        *_answer((_EQUAL, 0, 1, _CONNECT[column]), errno.ECONNREFUSED),
    ]


def _meeting(column: int, *, has_gpu: bool) -> list[Step]:
    """Allow streams over IP, with a GPU also local ones, and questions about one's own network."""
    refused = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    inner = [
        (_LOAD, 0, 0, _AT_ARGUMENTS),  # the family
        (_EQUAL, 4, 0, _AF_NETLINK),
        (_EQUAL, 8 if has_gpu else 2, 0, _AF_UNIX),
        (_EQUAL, 4, 0, _AF_INET),
        (_EQUAL, 3, 0, _AF_INET6),
        refused,
        (_LOAD, 0, 0, _AT_ARGUMENTS + 16),  # the protocol of netlink
        (_EQUAL, 7, 6, _NETLINK_ROUTE),
        (_LOAD, 0, 0, _AT_ARGUMENTS + 16),  # the protocol of IP
        (_EQUAL, 1, 0, _ANY_PROTOCOL),
        (_EQUAL, 0, 3, _TCP),
        (_LOAD, 0, 0, _AT_ARGUMENTS + 8),  # the type
        (_AND, 0, 0, _SOCK_TYPE_MASK),
        (_EQUAL, 1, 0, _SOCK_STREAM),
        refused,
    ]
    return [(_EQUAL, 0, len(inner), _SOCKET[column]), *inner, (_LOAD, 0, 0, _AT_NUMBER)]


def _answer(test: Step, number: int) -> list[Step]:
    """Answer with an error when the test holds, else go on."""
    return [test, (_RETURN, 0, 0, _ERRNO | number)]


def _argument(call: int, index: int, tests: list[Step]) -> list[Step]:
    """Refuse a call when the last of the tests on the low half of an argument holds."""
    inner = [
        (_LOAD, 0, 0, _AT_ARGUMENTS + 8 * index),
        *tests,
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
    ]
    return [(_EQUAL, 0, len(inner), call), *inner, (_LOAD, 0, 0, _AT_NUMBER)]
