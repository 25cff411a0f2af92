"""Writing where others read, and taking more power than was given."""

import os
import resource
import sys
from pathlib import Path
from typing import Any

import modelmill_sdk

Targets = dict[str, Any]


def write_home(targets: Targets) -> str:
    return _written(Path(targets["home"], "modelmill-escape"))


def write_tmp(targets: Targets) -> str:
    return _written(Path(targets["outside"], "modelmill-escape"))


def write_var(targets: Targets) -> str:
    return _written(Path("/var/tmp/modelmill-escape"))


def write_shared_memory(targets: Targets) -> None:
    """Write where everybody would see it; the test looks whether anybody does."""
    Path("/dev/shm", targets["shared_memory_name"]).write_text("here")


def write_database(targets: Targets) -> str:
    return _appended(Path(targets["database"]))


def write_own_code(targets: Targets) -> str:
    return _appended(Path(__file__))


def write_the_sdk(targets: Targets) -> str:
    return _appended(Path(modelmill_sdk.__file__))


def write_site_packages(targets: Targets) -> str:
    return _written(Path(os.__file__).parent / "site-packages" / "modelmill_escape.pth")


def write_the_interpreter(targets: Targets) -> str:
    return _appended(Path(sys.executable).resolve())


def write_another_hosts_scratch(targets: Targets) -> str:
    return _written(Path(targets["neighbour_scratch"], "escape"))


def write_a_kernel_setting(targets: Targets) -> str:
    return _appended(Path("/proc/sys/kernel/core_pattern"))


def write_the_host_name(targets: Targets) -> str:
    return _appended(Path("/proc/sys/kernel/hostname"))


def leave_the_control_group(targets: Targets) -> str:
    found = []
    for path in Path("/sys/fs/cgroup").glob("*/cgroup.procs"):
        path.write_text("0")
        found.append(path)
    if not found:
        Path("/sys/fs/cgroup/cgroup.procs").write_text("0")
    return str(found)


def raise_the_limits(targets: Targets) -> str:
    resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))
    return "raised"


def be_spared_when_memory_ends(targets: Targets) -> str:
    Path("/proc/self/oom_score_adj").write_text("-1000")
    return "spared"


def make_a_device(targets: Targets) -> str:
    os.mknod(Path(targets["out_dir"], "disk"), 0o60600, os.makedev(254, 0))
    return "made"


def become_root(targets: Targets) -> str:
    os.setuid(0)
    return f"uid {os.getuid()}"


def join_roots_group(targets: Targets) -> str:
    os.setgroups([0])
    return str(os.getgroups())


def hold_power(targets: Targets) -> str | None:
    """Be more than an ordinary user who may read."""
    lines = Path("/proc/self/status").read_text().splitlines()
    held = {line.split(":")[0]: int(line.split()[1], 16) for line in lines if line[:3] == "Cap"}
    may_read_all = 1 << 2
    return str(held) if any(value & ~may_read_all for value in held.values()) else None


def gain_by_a_setuid_program(targets: Targets) -> str | None:
    lines = Path("/proc/self/status").read_text()
    return None if "NoNewPrivs:\t1" in lines else "a setuid program would gain"


def go_first(targets: Targets) -> str:
    os.nice(-20)
    return "nice"


def _written(path: Path) -> str:
    path.write_text("here")
    return str(path)


def _appended(path: Path) -> str:
    with path.open("a") as file:
        file.write("")
    return str(path)
