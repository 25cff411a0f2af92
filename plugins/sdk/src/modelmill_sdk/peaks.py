"""The most memory of a GPU that this process had, without importing torch."""

import sys

# CUDA's context and its kernels, which torch does not count: a third to half of a GiB with CUDA 12,
# 700 MiB on an H200 with CUDA 13. What others have of the card looks the same, hence a most.
_CONTEXT_BYTES, _CONTEXT_MOST_BYTES = 512 << 20, 1 << 30


def gpu_peak_bytes() -> int | None:
    """Return the peak so far, CUDA's own part included; None where no GPU was used.

    What torch's allocator had reserved, not only what tensors filled: on a smaller device the
    difference would have to be there, too.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    free, total = torch.cuda.mem_get_info()
    besides = int(total - free - torch.cuda.memory_reserved())
    context = min(max(besides, _CONTEXT_BYTES), _CONTEXT_MOST_BYTES)
    return int(torch.cuda.max_memory_reserved()) + context
