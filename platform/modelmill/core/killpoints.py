"""Named points at which a test lets this process die, as a machine does: at once, by SIGKILL.

Only a test's settings can arm them. An installation's settings say that none is armed and read
nothing from the environment, so there a point is one call that looks at an empty dict.
"""

import os
import random
import signal
from dataclasses import dataclass
from typing import Final

# Where the process is when it dies. Each is called exactly once in the code.
POINTS: Final[dict[str, str]] = {
    "submit.before_commit": "job, reservation and message are written",
    "submit.after_commit": "the job is stored, nobody was rung yet, the client has no answer",
    "reserve.before_journal": "a reservation is written, its money has not moved",
    "settle.before_journal": "a reservation is closed, its money has not moved",
    "outbox.before_send": "the fact is committed, its message is not sent",
    "outbox.after_send": "a message is sent and not marked so",
    "intake.claimed": "a dataset's check has begun",
    "intake.checked": "a dataset is checked, the result is not stored",
    "intake.before_commit": "a dataset's shards are stored, its version is not ready",
    "unblock.before_commit": "a job whose data is ready is about to be queued",
    "claim.swapped": "a job is taken, its attempt is not written",
    "claim.after_commit": "a job is taken, nothing was done for it",
    "attempt.before_spawn": "the data lies there, no process was started",
    "attempt.after_spawn": "the plugin's process is ready and was told nothing",
    "train.stepped": "the plugin has reported a step",
    "heartbeat.before_commit": "lease, slice and news are written",
    "heartbeat.after_commit": "the heartbeat is stored, the worker does not know",
    "checkpoint.before_store": "the plugin has saved, nothing is stored",
    "checkpoint.stored": "the archive is stored, no row names it",
    "checkpoint.before_commit": "row and slice are written",
    "checkpoint.after_commit": "the checkpoint is stored, the worker does not know",
    "blob.mid_write": "a part of some bytes is written to a temporary file",
    "blob.before_save": "bytes are hashed and not in their place",
    "blob.after_save": "bytes are in their place, no row names them",
    "model.before_store": "the plugin has ended well, its model is not stored",
    "model.stored": "the model's files are stored, no version names them",
    "finish.published": "the model version is written, the job is running",
    "finish.before_commit": "model, last slice, money and messages are written",
    "finish.after_commit": "the job is over, the worker does not know",
    "fail.before_commit": "a failed attempt is written down",
    "yield.before_commit": "a job is about to be given back",
    "sweep.taken": "the sweep has taken a silent worker's job, and not ended it",
    "sweep.mid_pass": "the sweep has ended silent attempts and not looked for more",
    "drain.noted": "a file of counted uses bears the clock's difference, none of it is recorded",
    "drain.recorded": "the ledger has all of a file of counted uses, the file is still there",
    "roll.summed": "events are added to their hours and still pending",
    "roll.before_commit": "events are added to their hours and no longer pending",
    "seal.before_commit": "a period's time is closed and summed",
    "close.sealed": "a period's time is closed, it has no invoice",
    "close.rated": "lines and payment are written",
    "close.numbered": "the invoice has its number",
    "close.before_commit": "the invoice is final, its document ordered",
    "close.after_commit": "the invoice is stored, nobody was told",
    "document.rendered": "the PDF is made and not stored",
    "document.stored": "the PDF is stored, the invoice does not know",
    "webhook.claimed": "a delivery is taken, nothing was sent",
    "webhook.sent": "a delivery was answered, which is not written down",
    "predict.claimed": "a prediction is taken, nothing was done for it",
    "predict.computed": "a prediction's outputs are stored, it is running",
    "predict.before_commit": "a prediction is over and charged",
}


class KillPointUnknown(Exception):
    """A plan names a point that is not in the registry, or cannot be read."""


@dataclass
class _Plan:
    """When to die at a point: the nth time, or each time by a die that a seed has loaded."""

    nth: int = 1
    probability: float = 0.0
    dice: random.Random | None = None

    def is_due(self) -> bool:
        if self.dice is not None:
            return self.dice.random() < self.probability
        self.nth -= 1
        return self.nth == 0


_armed: dict[str, _Plan] = {}


def killpoint(name: str) -> None:
    """Die here if a test has planned it."""
    if _armed:
        _reach(name)


def killpoints_arm(plan: str) -> None:
    """Plan deaths: points with commas between; an empty plan disarms.

    ``finish.before_commit`` dies there the first time, ``train.stepped@3`` the third time,
    ``train.stepped@0.2~7`` each time with probability 0.2, by the dice of seed 7. Instead of a
    name ``*`` means any point. Raises ``KillPointUnknown``.
    """
    _armed.clear()
    for word in filter(None, plan.split(",")):
        name, _at, when = word.partition("@")
        if name != "*" and name not in POINTS:
            raise KillPointUnknown(f"There is no kill point {name!r}.")
        _armed[name] = _plan(when)


def _plan(when: str) -> _Plan:
    number, _tilde, seed = when.partition("~")
    try:
        if "." not in number:
            return _Plan(nth=int(number or 1))
        return _Plan(probability=float(number), dice=random.Random(int(seed or 0)))
    except ValueError:
        raise KillPointUnknown(f"{when!r} is no time to die: write 3, or 0.2~7.") from None


def _reach(name: str) -> None:
    if name not in POINTS:
        raise KillPointUnknown(f"There is no kill point {name!r}.")
    plan = _armed.get(name) or _armed.get("*")
    if plan is not None and plan.is_due():
        os.write(2, f"killpoint {name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)
