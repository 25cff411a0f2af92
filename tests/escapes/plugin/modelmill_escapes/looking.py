"""Looking at what is somebody else's: each gives what it saw, or raises what hid it."""

import os
import subprocess
from pathlib import Path
from typing import Any

Targets = dict[str, Any]


def parent_environment(targets: Targets) -> bytes | None:
    return Path(f"/proc/{targets['worker_pid']}/environ").read_bytes()


def everybodys_environment(targets: Targets) -> str | None:
    return _seen_of_others("environ", targets)


def everybodys_memory(targets: Targets) -> str | None:
    return _seen_of_others("mem", targets)


def everybodys_open_files(targets: Targets) -> str | None:
    for entry in _others():
        try:
            # How many there are is no secret; which they are would be.
            return str(next(fd.readlink() for fd in Path(entry, "fd").iterdir()))
        except (OSError, StopIteration):
            continue
    raise PermissionError("no process but our own shows its files")


def root_through_proc(targets: Targets) -> str | None:
    return str(list(Path(f"/proc/{targets['worker_pid']}/root/").iterdir()))


def folder_through_proc(targets: Targets) -> str | None:
    return str(list(Path(f"/proc/{targets['worker_pid']}/cwd/").iterdir()))


def database_file(targets: Targets) -> bytes:
    return Path(targets["database"]).read_bytes()[:20]


def secret_file(targets: Targets) -> str:
    return Path(targets["secret"]).read_text()


def secret_by_another_program(targets: Targets) -> str | None:
    done = subprocess.run(["/bin/cat", targets["secret"]], capture_output=True, text=True)
    if done.returncode:
        raise PermissionError(done.stderr.strip())
    return done.stdout


def secret_by_link(targets: Targets) -> str:
    link = Path(targets["out_dir"], "link")
    link.unlink(missing_ok=True)
    link.symlink_to(targets["secret"])
    return link.read_text()


def secret_by_hard_link(targets: Targets) -> str:
    link = Path(targets["out_dir"], "hard")
    os.link(targets["secret"], link)
    return link.read_text()


def passwords(targets: Targets) -> str:
    return Path("/etc/shadow").read_text()


def keys_of_root(targets: Targets) -> str:
    return str(list(Path(targets["home"]).iterdir()))


def another_hosts_scratch(targets: Targets) -> str:
    return Path(targets["neighbour_scratch"], "treasure").read_text()


def another_organisations_model(targets: Targets) -> str:
    return Path(targets["foreign_model"], "model.safetensors").read_text()


def own_environment(targets: Targets) -> str | None:
    found = [name for name, value in os.environ.items() if targets["canary"] in value]
    return str(found) if found else None


def leaked_descriptors(targets: Targets) -> str | None:
    kinds = {fd.name: os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()}
    own = f"/proc/{os.getpid()}"
    strange = {
        fd: path
        for fd, path in kinds.items()
        if path != "/dev/null"
        and "/pipe:" not in path
        and path != own
        and not path.startswith(f"{own}/fd")
    }
    return str(strange) if strange else None


def kernel_log(targets: Targets) -> str:
    return Path("/dev/kmsg").open().readline()


def raw_disk(targets: Targets) -> bytes:
    for name in ("vda", "sda", "nvme0n1", "xvda"):
        if Path("/sys/block", name).exists():
            return Path("/dev", name).open("rb").read(16)
    return Path("/dev/mem").open("rb").read(16)


def _others() -> list[str]:
    ours = {"1", str(os.getpid())}
    entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [str(entry) for entry in entries if entry.name not in ours]


def _seen_of_others(name: str, targets: Targets) -> str | None:
    for entry in _others():
        try:
            with Path(entry, name).open("rb") as file:
                seen = file.read(4096)
        except OSError:
            continue
        if seen:
            return entry
    raise PermissionError("no process but our own lets us")
