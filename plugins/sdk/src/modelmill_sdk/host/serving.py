"""The child's work loop: one message of work at a time, each answered to its end."""

import os
import time
from collections.abc import Callable
from typing import Any, NoReturn, get_args

from modelmill_sdk.bases import installed_folder
from modelmill_sdk.discovery import plugin_find
from modelmill_sdk.errors import Cancelled, PluginError
from modelmill_sdk.host.control import Control
from modelmill_sdk.host.description import plugins_describe, plugins_discover
from modelmill_sdk.host.failures import failure_message
from modelmill_sdk.host.prediction import plugin_predict
from modelmill_sdk.host.training import plugin_train, threads_limit
from modelmill_sdk.host.validation import plugin_validate
from modelmill_sdk.plugin import Plugin
from modelmill_sdk.protocol import (
    PROTOCOL,
    Describe,
    Discover,
    Loaded,
    Manifests,
    Message,
    ModelLoad,
    PluginWork,
    PredictStart,
    Ready,
    StopReason,
    ToChild,
    TrainStart,
    ValidateStart,
)
from modelmill_sdk.runs import Listener

Find = Callable[[PluginWork], Plugin]
DescribeOne = Callable[[Describe, Listener], Manifests]


def installed_find(work: PluginWork) -> Plugin:
    """Make an instance of the installed plugin that a piece of work is for."""
    return plugin_find(
        work.plugin_id,
        entry_point=work.entry_point,
        distribution=work.distribution,
        digest=work.digest,
    )


def _installed_describe(work: Describe, listener: Listener) -> Manifests:
    return plugins_describe(work, listener=listener)


def serve(
    control: Control,
    *,
    find: Find = installed_find,
    describe: DescribeOne = _installed_describe,
) -> NoReturn:
    """Answer work until the parent closes the pipe.

    ``find`` and ``describe`` say which plugins there are: the installed ones, if nothing else.
    """
    control.tell(Ready(protocol=PROTOCOL, pid=os.getpid(), stops=get_args(StopReason)))
    host = _Host(control, find=find, describe=describe)
    while True:
        work = control.work_next()
        request_id = work.request_id if isinstance(work, PredictStart) else None
        try:
            control.tell(host.answer(work))
        except (Exception, SystemExit, Cancelled) as error:
            # The outermost function: whatever a plugin raises becomes a message.
            control.tell(failure_message(error, request_id=request_id))
        if request_id is not None:
            control.request_forget(request_id)


class _Host:
    """What a child remembers between two pieces of work: the loaded model."""

    def __init__(
        self,
        control: Control,
        *,
        find: Find,
        describe: DescribeOne,
    ) -> None:
        self._control = control
        self._find = find
        self._describe = describe
        self._loaded: tuple[Plugin, Any, str] | None = None

    def answer(self, work: ToChild) -> Message:
        """Do the work, and give the message that ends it."""
        if isinstance(work, TrainStart):
            return plugin_train(self._find(work), work, self._control)
        if isinstance(work, ModelLoad):
            return self._load(work)
        if isinstance(work, PredictStart):
            return self._predict(work)
        if isinstance(work, ValidateStart):
            return plugin_validate(self._find(work), work, self._control)
        if isinstance(work, Discover):
            return plugins_discover()
        if isinstance(work, Describe):
            return self._describe(work, self._control)
        raise PluginError(f"{work.type} is not work.")

    def _load(self, work: ModelLoad) -> Loaded:
        began = time.monotonic()
        # The old model goes before the new one comes, so that both need never fit.
        self._loaded = None
        threads_limit(work.threads)
        plugin, folder = self._find(work), installed_folder(work.model_dir)
        self._loaded = (plugin, plugin.load(folder, work.device), work.device)
        # Once more: the plugin is likely to have imported torch just now.
        threads_limit(work.threads)
        return Loaded(load_ms=round((time.monotonic() - began) * 1000))

    def _predict(self, work: PredictStart) -> Message:
        if self._loaded is None:
            raise PluginError("No model is loaded.")
        plugin, model, device = self._loaded
        return plugin_predict(plugin, model, work, device=device, listener=self._control)
