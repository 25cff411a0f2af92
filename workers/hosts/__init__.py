"""The parent side of a plugin's process: start it fenced in, talk to it, make sure it ends.

This room knows processes, pipes and users; it does not know jobs, tenants or money. Everything a
plugin's process says is checked before anyone sees it. Public: ``HostSpec``, ``HostProcess``,
``Isolation``,
``HostDied``, ``MemoryExcess``, ``describe_plugins``, ``fences_try``, ``fences_seen``.
"""

from workers.hosts.describing import describe_plugins
from workers.hosts.errors import HostDied, MemoryExcess
from workers.hosts.fences import fences_seen
from workers.hosts.process import HostProcess
from workers.hosts.spec import HostSpec, Isolation
from workers.hosts.trial import fences_try

__all__ = [
    "HostDied",
    "HostProcess",
    "HostSpec",
    "Isolation",
    "MemoryExcess",
    "describe_plugins",
    "fences_seen",
    "fences_try",
]
