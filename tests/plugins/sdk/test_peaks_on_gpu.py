"""What a training says that it took of a GPU, beside what the card itself says."""

import subprocess
import sys

import pytest
import torch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="There is no CUDA device here."),
]

# In a process of its own: what a process has reserved of a card it keeps.
CODE = """
import torch
from modelmill_sdk.peaks import gpu_peak_bytes

assert gpu_peak_bytes() is None, "nothing has used the card yet"
held = torch.ones(2 << 30, dtype=torch.uint8, device="cuda")
product = torch.ones(512, 512, device="cuda") @ torch.ones(512, 512, device="cuda")
torch.cuda.synchronize()
print(gpu_peak_bytes())
"""


def test_a_peak_is_near_what_the_card_has_given() -> None:
    free_before, _total = torch.cuda.mem_get_info()
    with subprocess.Popen(
        [sys.executable, "-c", CODE + "input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin and child.stdout
        told = int(child.stdout.readline())
        taken = free_before - torch.cuda.mem_get_info()[0]
        child.communicate("\n")
    print(f"\n{torch.cuda.get_device_name()}: told {told >> 20} MiB, taken {taken >> 20} MiB")
    # Rather too much than too little: who has less gets no such training.
    assert taken - (8 << 20) <= told < taken + (768 << 20)
