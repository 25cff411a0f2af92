"""The most memory of a GPU that this process had, without importing torch."""

import sys

# CUDA's context and its kernels, which torch does not count: with CUDA 12 a third to half of a GiB.
_CONTEXT_BYTES = 512 << 20


def gpu_peak_bytes() -> int | None:
    """Return the peak so far, CUDA's own part included; None where no GPU was used.

    What torch's allocator had reserved, not only what tensors filled: on a smaller device the
    difference would have to be there, too.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return int(torch.cuda.max_memory_reserved()) + _CONTEXT_BYTES
