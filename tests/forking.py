"""Waiting for what hosts are forked from."""

import time

from workers.hosts.forkers import Forker, forker_prepare


def forker_ready(*imports: str) -> Forker:
    """Start what hosts are forked from, and wait until it can fork."""
    found = forker_prepare(imports, device="cpu")
    assert found is not None
    deadline = time.monotonic() + 60
    while not found.is_ready and not found.why_not and time.monotonic() < deadline:
        time.sleep(0.01)
    return found
