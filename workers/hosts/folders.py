"""The folders that messages name: which a host may write, read, and point at."""

from pathlib import Path

from modelmill_sdk.errors import ProtocolError
from modelmill_sdk.protocol import (
    CheckpointSaved,
    Describe,
    FromChild,
    ModelLoad,
    PredictStart,
    Result,
    Sample,
    ToChild,
    TrainStart,
    ValidateStart,
)


def folders_written(message: ToChild) -> list[Path]:
    """List the folders that a piece of work writes to."""
    if isinstance(message, TrainStart):
        return [message.workdir, message.model_dir, message.checkpoint_dir]
    if isinstance(message, PredictStart):
        return [message.out_dir]
    if isinstance(message, Describe) and message.out_dir is not None:
        return [message.out_dir]
    return []


def folders_read(message: ToChild) -> list[Path]:
    """List the folders that a piece of work reads."""
    if isinstance(message, TrainStart):
        resumed = [] if message.resume_dir is None else [message.resume_dir]
        return [message.data_dir, *resumed]
    if isinstance(message, ModelLoad):
        return [message.model_dir]
    if isinstance(message, ValidateStart):
        return [message.data_dir]
    return []


def path_check(message: FromChild, *, roots: frozenset[Path]) -> None:
    """Refuse a message that points outside the folders its sender may write.

    The roots are resolved paths. Links are resolved first, so one that leads out is refused too;
    whoever opens the file later should still open it without following links.
    """
    if not isinstance(message, (Sample, CheckpointSaved, Result)) or message.path is None:
        return
    resolved = message.path.resolve()
    if not message.path.is_absolute() or not any(resolved.is_relative_to(r) for r in roots):
        raise ProtocolError(f"{message.type} points at {message.path}, outside of its folders.")
