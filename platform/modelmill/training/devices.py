"""What a training computes on, in words."""


def devices_name(device: str, count: int) -> str:
    """Name a device of which so many are used: "2 × NVIDIA H100"."""
    return f"{count} × {device}" if device and count > 1 else device
