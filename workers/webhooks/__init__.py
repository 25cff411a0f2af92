"""Sending webhooks: one try at one delivery, to an address that was judged a moment before."""

from workers.webhooks.sending import delivery_try

__all__ = ["delivery_try"]
