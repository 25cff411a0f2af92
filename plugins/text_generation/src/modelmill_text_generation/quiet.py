"""Silence for ``transformers``, whose progress bars have nobody to watch them in a host."""


def quiet_transformers() -> None:
    """Turn off its progress bars; its warnings stay."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
