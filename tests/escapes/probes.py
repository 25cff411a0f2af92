"""The corpus: what a hostile plugin tries, and what is there to stop it."""

from dataclasses import dataclass, field
from typing import Any

FILES, NETWORK, CALLS = "files", "network", "system calls"
SIGNALS, USER, POWER = "signals", "user", "privileges"


@dataclass(frozen=True)
class Probe:
    """One thing to try. ``by`` says what contains it, ``needs`` which fences that takes."""

    name: str
    by: str
    needs: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    levels: tuple[str, ...] = ("L1", "L1 warm", "L2", "L1 GPU", "L2 GPUs")
    # What a death says, where the host's end is how it is contained.
    dies: str = ""

    @property
    def title(self) -> str:
        """The probe's name as words."""
        return self.name.replace("_", " ")


_L1, _BOTH = ("L1", "L1 warm"), ("L1", "L1 warm", "L2")
# Where processes meet each may listen, in a network that is theirs alone.
_APART = (*_BOTH, "L1 GPU")

# Tried one after the other in the same process, which lives on.
ASKED = (
    Probe("own_environment", "environment from an allow-list"),
    Probe("leaked_descriptors", "descriptors closed but the pipes"),
    Probe("parent_environment", "own user; Landlock", (USER, FILES)),
    Probe("everybodys_environment", "own user; Landlock", (USER, FILES)),
    Probe("everybodys_memory", "own user; Landlock", (USER, FILES)),
    Probe("everybodys_open_files", "own user; Landlock", (USER, FILES)),
    Probe("root_through_proc", "own user; Landlock", (USER, FILES)),
    Probe("folder_through_proc", "own user; Landlock", (USER, FILES)),
    Probe("database_file", "Landlock", (FILES,)),
    Probe("secret_file", "Landlock", (FILES,)),
    Probe("secret_by_another_program", "Landlock", (FILES,)),
    Probe("secret_by_link", "Landlock", (FILES,)),
    Probe("secret_by_hard_link", "Landlock", (FILES,)),
    Probe("passwords", "Landlock", (FILES,)),
    Probe("keys_of_root", "Landlock", (FILES,)),
    Probe("another_hosts_scratch", "Landlock; own user", (FILES,)),
    Probe("another_organisations_model", "Landlock", (FILES,)),
    Probe("kernel_log", "Landlock", (FILES,)),
    Probe("raw_disk", "Landlock; own user", (FILES,)),
    Probe("write_home", "Landlock; own user", (FILES,)),
    Probe("write_tmp", "Landlock", (FILES,)),
    Probe("write_var", "Landlock", (FILES,)),
    Probe("write_shared_memory", "a shared memory of its own", ("shared memory",)),
    Probe("write_database", "Landlock", (FILES,)),
    Probe("write_own_code", "Landlock; own user", (FILES,)),
    Probe("write_the_sdk", "Landlock; own user", (FILES,)),
    Probe("write_site_packages", "Landlock; own user", (FILES,)),
    Probe("write_the_interpreter", "Landlock; own user", (FILES,)),
    Probe("write_another_hosts_scratch", "Landlock; own user", (FILES,)),
    Probe("write_a_kernel_setting", "Landlock; own user", (FILES,)),
    Probe("write_the_host_name", "Landlock; own user", (FILES,)),
    Probe("leave_the_control_group", "Landlock; own user", (FILES,)),
    Probe("raise_the_limits", "no capabilities", (POWER,)),
    Probe("be_spared_when_memory_ends", "Landlock; no capabilities", (POWER,)),
    Probe("make_a_device", "Landlock; no capabilities", (POWER,)),
    Probe("become_root", "no capabilities", (USER, POWER)),
    Probe("join_roots_group", "no capabilities", (USER, POWER)),
    Probe("hold_power", "no capabilities", (POWER,)),
    Probe("gain_by_a_setuid_program", "no new privileges", (POWER,)),
    Probe("go_first", "no capabilities", (POWER,)),
    Probe("connect_the_broker", "seccomp; own network; Landlock", (NETWORK,)),
    Probe("connect_the_database", "seccomp; own network; Landlock", (NETWORK,)),
    Probe("connect_the_metadata_service", "seccomp; own network; Landlock", (NETWORK,)),
    Probe("connect_the_internet", "seccomp; own network; Landlock", (NETWORK,)),
    Probe("connect_by_ipv6", "seccomp; own network; Landlock", (NETWORK,)),
    Probe("ask_a_name_server", "seccomp; own network", (NETWORK,)),
    Probe("send_a_datagram", "seccomp; own network", (NETWORK,)),
    Probe("connect_an_abstract_socket", "seccomp; own network; Landlock", (NETWORK,)),
    Probe("connect_a_socket_file", "seccomp", (CALLS,)),
    Probe("send_to_a_socket_file", "seccomp", (CALLS,)),
    Probe("listen_to_the_world", "seccomp; own network; Landlock", (NETWORK,), levels=_APART),
    Probe("read_every_packet", "seccomp; own network", (NETWORK,)),
    Probe("speak_to_the_kernel", "seccomp", (CALLS,), levels=_APART),
    Probe("bind_a_socket_file", "seccomp", (CALLS,), levels=_BOTH),
    Probe("signal_the_worker", "own user; Landlock", (SIGNALS,)),
    Probe("kill_another_host", "own user; Landlock", (SIGNALS,)),
    Probe("kill_another_hosts_group", "own user; Landlock", (SIGNALS,)),
    Probe("signal_everybody", "own user; Landlock", (SIGNALS,)),
    Probe("trace_the_worker", "seccomp; own user; Landlock", (CALLS,)),
    Probe("trace_another_host", "seccomp; own user; Landlock", (CALLS,)),
    Probe("take_the_workers_descriptor", "seccomp; own user", (CALLS,)),
    Probe("join_the_workers_network", "seccomp; own user", (CALLS,)),
    Probe("change_the_root", "seccomp; no capabilities", (CALLS,)),
    Probe("mount_a_file_system", "seccomp; no capabilities", (CALLS,)),
    Probe("mount_by_the_new_calls", "seccomp; no capabilities", (CALLS,)),
    Probe("new_user_namespace", "seccomp", (CALLS,)),
    Probe("new_user_namespace_by_clone", "seccomp", (CALLS,)),
    Probe("load_a_kernel_module", "seccomp; no capabilities", (CALLS,)),
    Probe("load_a_kernel_program", "seccomp; no capabilities", (CALLS,)),
    Probe("ring_of_the_kernels", "seccomp", (CALLS,)),
    Probe("faults_of_memory", "seccomp", (CALLS,)),
    Probe("count_everybodys_events", "seccomp", (CALLS,)),
    Probe("keys_of_the_kernels", "seccomp", (CALLS,)),
    Probe("another_kernel", "seccomp; no capabilities", (CALLS,)),
    Probe("restart_the_machine", "seccomp; no capabilities", (CALLS,)),
    Probe("open_by_number", "seccomp", (CALLS,)),
    Probe("set_the_clock", "seccomp; no capabilities", (CALLS,)),
    Probe("name_the_machine", "seccomp; no capabilities", (CALLS,)),
    Probe("another_machines_personality", "seccomp", (CALLS,)),
    Probe("hide_from_the_worker", "seccomp", (CALLS,)),
    Probe("calls_of_another_numbering", "seccomp", (CALLS,)),
)

_SMALL = {"max_processes": 64, "max_memory_bytes": 256 << 20}
_DISK = {"max_scratch_bytes": 32 << 20, "max_scratch_files": 2_000}

# Each in a process of its own, within bounds that a test can reach.
USED_UP = (
    Probe("fork_without_end", "control group or rlimit", ("processes",), _SMALL, _BOTH),
    Probe("start_threads_without_end", "control group or rlimit", ("processes",), _SMALL, _L1),
    Probe("take_all_memory", "control group", ("memory",), _SMALL, _BOTH, "SIGKILL|used"),
    Probe("take_memory_in_children", "control group", ("memory",), _SMALL, _L1, "SIGKILL|used"),
    Probe("fill_shared_memory", "its size; control group", ("memory",), _SMALL, _L1, "SIGKILL"),
    Probe("write_one_huge_file", "rlimit", ("limits",), {"max_file_bytes": 16 << 20}, _L1),
    Probe("fill_the_disk", "the worker's watch", ("disk",), _DISK, _L1, "more than 32 MiB"),
    Probe("fill_the_disk_namelessly", "the worker's watch", ("disk",), _DISK, _L1, "than 32 MiB"),
    Probe("make_files_without_end", "the worker's watch", ("disk",), _DISK, _L1, "than 2000 files"),
    Probe("print_ten_gigabytes", "read, and only the end kept", levels=_L1),
    Probe("outlive", "killed by user, network or group", levels=_BOTH),
    Probe("outlive_unreadable", "killed by user, network or group", levels=_BOTH),
    Probe("use_the_32_bit_door", "seccomp", (CALLS,), {}, _BOTH, "SIGSYS|SIGSEGV"),
)

# Ways to end, or not to.
ENDED = (
    Probe("stop_itself", "SIGKILL"),
    Probe("ignore_everything", "SIGKILL"),
    Probe("spin_with_the_lock", "SIGKILL"),
    Probe("exit_as_if_all_were_well", "seen as a death", dies="exit code 0"),
    Probe("exit_with_a_number", "seen as a death", dies="exit code 77"),
    Probe("crash_in_c", "seen as a death", dies="SIGSEGV"),
    Probe("say_half_a_frame", "seen as a death", dies="exit code 0|broke the protocol"),
    Probe("say_four_gigabytes", "the frame's bound", dies="broke the protocol"),
    Probe("say_garbage", "the frame's bound or form", dies="broke the protocol"),
    Probe("say_nothing_long", "the message's form", dies="broke the protocol"),
    Probe("say_deep_json", "the message's form", dies="broke the protocol"),
    Probe("say_a_parents_message", "the message's form", dies="broke the protocol"),
    Probe("say_a_path_outside", "the path's check", dies="outside of its folders"),
    Probe("say_a_path_with_dots", "the path's check", dies="outside of its folders"),
    Probe("say_a_relative_path", "the path's check", dies="outside of its folders"),
    Probe("say_a_link", "the path's check", dies="outside of its folders"),
    Probe("say_a_folder_that_is_a_link", "the path's check", dies="outside of its folders"),
    Probe("count_below_nothing", "the message's form", dies="broke the protocol"),
    Probe("count_without_bound", "the message's form", dies="broke the protocol"),
)

# Messages that are well formed, and files that are none: what the worker makes of them.
LEFT = (
    Probe("leave_a_pipe", "opened as files only"),
    Probe("leave_a_folder", "opened as files only"),
    Probe("leave_a_socket", "opened as files only"),
)
COUNTED = (
    Probe("count_far_too_much", "the bound set aside before"),
    Probe("count_the_workers_meter", "the release's meters"),
    Probe("count_a_strange_meter", "the release's meters"),
)
EVERY = (*ASKED, *USED_UP, *ENDED, *LEFT, *COUNTED)
