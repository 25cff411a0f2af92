"""Using up the machine, and ending in every way but the ordinary one."""

import ctypes
import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

Targets = dict[str, Any]
_MIB = 1 << 20


def fork_without_end(targets: Targets) -> str | None:
    """Fork, each child forking too, until nobody may any more; then count."""
    began = time.monotonic()
    made = 0
    with suppress(OSError):
        while made < targets["too_many"] and time.monotonic() < began + 10:
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                if made % 2:
                    os.setsid()
                time.sleep(3600)
            made += 1
    return f"{made} processes" if made >= targets["too_many"] else None


def start_threads_without_end(targets: Targets) -> str | None:
    made = 0
    with suppress(RuntimeError):
        while made < targets["too_many"]:
            threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
            made += 1
    return f"{made} threads" if made >= targets["too_many"] else None


def take_all_memory(targets: Targets) -> str:
    taken = []
    while len(taken) * 16 < targets["too_many_mib"]:
        taken.append(bytearray(os.urandom(_MIB) * 16))
    return f"{len(taken) * 16} MiB"


def take_memory_in_children(targets: Targets) -> str:
    """Take it in two processes, each below the bound."""
    for _ in range(4):
        if os.fork() == 0:
            block = mmap.mmap(-1, targets["too_many_mib"] * _MIB // 3)
            for place in range(0, len(block), 4096):
                block[place] = 1
            time.sleep(3600)
    for _ in range(50):
        time.sleep(0.1)
        _, status = os.waitpid(-1, os.WNOHANG)
        if status:
            raise MemoryError(f"a child was ended by signal {status}")
    return "all four live"


def fill_shared_memory(targets: Targets) -> str:
    with Path("/dev/shm/full").open("wb") as file:
        for _ in range(targets["too_many_mib"]):
            file.write(b"x" * _MIB)
    return "filled"


def write_one_huge_file(targets: Targets) -> str:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Path(targets["out_dir"], "huge").open("wb") as file:
        for _ in range(targets["file_mib"] + 8):
            file.write(b"x" * _MIB)
    return "written"


def fill_the_disk(targets: Targets) -> str:
    for number in range(1000):
        Path(targets["out_dir"], f"{number}").write_bytes(b"x" * 4 * _MIB)
        time.sleep(0.02)
    return "filled"


def fill_the_disk_namelessly(targets: Targets) -> str:
    """Keep open what was deleted: no look into the folder shows it."""
    kept = []
    for number in range(1000):
        kept.append(Path(targets["out_dir"], f"{number}").open("wb"))  # noqa: SIM115
        Path(kept[-1].name).unlink()
        kept[-1].write(b"x" * 4 * _MIB)
        kept[-1].flush()
        time.sleep(0.02)
    return "filled"


def make_files_without_end(targets: Targets) -> str:
    for number in range(1_000_000):
        Path(targets["out_dir"], f"{number}").touch()
        if number % 100 == 0:
            time.sleep(0.001)
    return "made"


def print_ten_gigabytes(targets: Targets) -> None:
    block = b"x" * (8 * _MIB)
    for _ in range(targets["output_mib"] // 8):
        os.write(1, block)


def outlive(targets: Targets) -> int:
    """Leave a child in a session of its own, whose parent is gone; tell its number."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        grandchild = os.fork()
        if grandchild == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            time.sleep(3600)
        os.write(write, str(grandchild).encode())
        os._exit(0)
    os.wait()
    return int(os.read(read, 20))


def outlive_unreadable(targets: Targets) -> int:
    """Leave a child that runs a program nobody may read, so that nobody may look at it."""
    program = Path(targets["out_dir"], "sleep")
    program.write_bytes(Path("/bin/sleep").read_bytes())
    program.chmod(0o111)
    return subprocess.Popen([str(program), "3600"], start_new_session=True).pid


def stop_itself(targets: Targets) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def ignore_everything(targets: Targets) -> None:
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        with suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(3600)


def spin_with_the_lock(targets: Targets) -> None:
    ctypes.PyDLL(None).sleep(3600)


def exit_as_if_all_were_well(targets: Targets) -> None:
    os._exit(0)


def exit_with_a_number(targets: Targets) -> None:
    os._exit(77)


def leave_by_an_exception(targets: Targets) -> None:
    sys.exit(3)


def crash_in_c(targets: Targets) -> None:
    ctypes.string_at(0)


def overflow_the_stack(targets: Targets) -> None:
    sys.setrecursionlimit(1 << 30)
    threading.stack_size(16 * _MIB)

    def deeper(depth: int) -> int:
        return deeper(depth + 1) + 1

    deeper(0)


def use_the_32_bit_door(targets: Targets) -> str:
    """Call the kernel as a 32-bit program would, whose numbers mean other things."""
    code = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"  # mov eax, 20 (getpid); int 0x80; ret
    block = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    block.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(block))
    return f"pid {ctypes.CFUNCTYPE(ctypes.c_int)(address)()}"
