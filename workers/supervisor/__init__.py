"""The supervisor: one training job, from its claim to its end, beside the plugin's process.

It holds the lease, meters the time, stores what the plugin makes and obeys
the customer; the plugin's process has none of these rights. It decides no
rule of its own: the training room says what may be written.
"""

from workers.supervisor.loop import train_all, train_next

__all__ = ["train_all", "train_next"]
