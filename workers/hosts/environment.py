"""The environment of a plugin's process: an allow-list, so that no secret is ever in it."""

import os
from pathlib import Path

import modelmill_sdk

from workers.hosts.spec import HostSpec

# What locale, time and the dynamic linker need, where the operator keeps base models for plugins
# to fine-tune, and which GPUs there are. Nothing else passes.
_PASSED_ON = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "MODELMILL_BASE_MODELS")
_PASSED_ON_GPU = (
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
)


def host_environment(spec: HostSpec) -> dict[str, str]:
    """Compose the environment of a host."""
    scratch = str(spec.scratch_dir)
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {
        "PATH": os.defpath,
        "HOME": scratch,
        # getpass.getuser() asks here first, and the host's user may be in no password file.
        "USER": "modelmill-host",
        "TMPDIR": str(spec.scratch_dir / "tmp"),
        "XDG_CACHE_HOME": f"{scratch}/.cache",
        "HF_HOME": f"{scratch}/.cache/huggingface",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # Else it reads what every installed distribution declares, well packed or not.
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONIOENCODING": "utf-8:replace",
        "PYTHONPATH": os.pathsep.join(map(str, python_paths(spec))),
    }
    environment |= _thread_limits(spec.threads)
    return environment | _gpu_environment(spec)


def python_paths(spec: HostSpec) -> list[Path]:
    """List where the host's interpreter looks for modules before its own places."""
    paths = list(spec.python_paths)
    if spec.python is None:
        inherited = os.environ.get("PYTHONPATH", "")
        paths += [Path(path).absolute() for path in inherited.split(os.pathsep) if path]
        # The same SDK as ours, also where it was put on sys.path and not installed.
        sdk = Path(modelmill_sdk.__file__).resolve().parents[1]
        paths += [] if sdk in paths else [sdk]
    return paths


def readable_paths(spec: HostSpec) -> list[Path]:
    """List what the host is given to read, besides its interpreter and the system's libraries."""
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    base_models = os.environ.get("MODELMILL_BASE_MODELS", "")
    named = [Path(path) for path in (*libraries, base_models) if path.startswith("/")]
    return [*python_paths(spec), *named, *spec.readable]


def _thread_limits(threads: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    # Threads that wait asleep and not spinning: on busy cores two spinning ones made a training
    # step take seven times as long.
    return {name: str(threads) for name in names} | {"OMP_WAIT_POLICY": "PASSIVE"}


def _gpu_environment(spec: HostSpec) -> dict[str, str]:
    if spec.device == "cpu":
        return {"CUDA_VISIBLE_DEVICES": ""}
    passed = {name: os.environ[name] for name in _PASSED_ON_GPU if name in os.environ}
    visible = passed.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(spec.devices)))
    cards = [card.strip() for card in visible.split(",")]
    # In the order in which they were counted. The others are not its own: libraries take what they
    # see.
    return (
        {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
        | passed
        | {"CUDA_VISIBLE_DEVICES": ",".join(cards[: spec.devices])}
    )
