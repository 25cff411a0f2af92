"""The processes of one check: started, reused, ended, and what was noticed of them."""

from collections.abc import Sequence
from functools import cached_property

from modelmill_sdk.conformance.child import Child, Sighting
from modelmill_sdk.conformance.scratch import Scratch
from modelmill_sdk.conformance.starting import ColdProcess, Nursery, host_environment
from modelmill_sdk.conformance.targets import Target
from modelmill_sdk.conformance.watched import WatchSettings


class Crew:
    """Starts watched processes, and remembers what those did that have ended."""

    def __init__(self, target: Target, scratch: Scratch) -> None:
        """Begin with no process."""
        self.endings: list[str] = []
        self.output_bytes = 0
        self.output_tail = ""
        self._target = target
        self._scratch = scratch
        self._environment = host_environment(target, scratch)
        self._children: list[Child] = []
        self._past: list[Sighting] = []

    @property
    def sightings(self) -> list[Sighting]:
        """Everything that the processes were seen to do until now."""
        return [*self._past, *(one for child in self._children for one in child.sightings)]

    def start_warm(self, *, max_batch: int = 0) -> Child:
        """Fork a process from one that has imported what ``learn`` was told."""
        return self._keep(
            Child(self._nursery.start, self._target, self._scratch, max_batch=max_batch)
        )

    def start_cold(self, *, max_batch: int = 0) -> Child:
        """Start a process with an interpreter of its own."""

        def start(settings: WatchSettings, fds: Sequence[int]) -> ColdProcess:
            return ColdProcess(settings, fds, environment=self._environment, cwd=self._scratch.home)

        return self._keep(Child(start, self._target, self._scratch, max_batch=max_batch))

    def learn(self, modules: Sequence[str]) -> None:
        """Import these once, for the warm processes to come."""
        self._nursery.learn(modules)

    def finish(self, child: Child) -> None:
        """Hang up on a process, and note how it ended."""
        ending = child.close()
        if ending:
            self.endings.append(ending)
        self.forget(child)

    def forget(self, child: Child) -> None:
        """Keep what a process was seen to do, and no longer the process."""
        self._children.remove(child)
        self._past.extend(child.sightings)
        if child.output_bytes > self.output_bytes:
            self.output_bytes, self.output_tail = child.output_bytes, child.tail()

    def close(self) -> None:
        """End every process."""
        for child in list(self._children):
            self.finish(child)
        if "_nursery" in vars(self):
            self._nursery.close()
            del self._nursery

    @cached_property
    def _nursery(self) -> Nursery:
        return Nursery(environment=self._environment, cwd=self._scratch.home)

    def _keep(self, child: Child) -> Child:
        self._children.append(child)
        return child
