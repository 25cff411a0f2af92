"""The class a plugin author writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from modelmill_sdk.errors import PluginError

if TYPE_CHECKING:
    from modelmill_sdk.data import TrainData
    from modelmill_sdk.runs import PredictRun, TrainRun


class Params(BaseModel):
    """Values a customer may set; each field carries its description, bounds and default.

    The class is the form, the API's schema and the validation at once.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, protected_namespaces=()
    )


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a plugin needs of the machine and of the data; the default is any CPU, and any data.

    ``train_rows`` is the least that the training part must have, whatever the parameters: the
    platform refuses a smaller dataset before there is a job. ``devices`` is the most of one
    machine that a training can use at once: see ``TrainRun``.
    """

    gpu_memory_mib: int = 0
    train_rows: int = 0
    devices: int = 1


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with a dataset, in words a customer can act on."""

    reason: str
    fix: str = ""
    file: str | None = None
    row: int | None = None
    field: str | None = None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A quick try of a plugin: what ``mill-plugin check`` and ``bench`` train and ask for.

    Everything may be left out: the kit has a small dataset of each kind, turns ``steps`` and
    ``epochs`` down, and makes inputs from their schema (a field's ``examples`` first).
    ``data(folder)`` writes a dataset into a folder and returns it, as ``dataset_write`` does;
    ``model(folder)`` does so with a model, for a plugin that loads one and does not train.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    inputs: Sequence[Mapping[str, Any]] = ()
    predict_params: Mapping[str, Any] = field(default_factory=dict)
    data: Callable[[Path], Path] | None = None
    model: Callable[[Path], Path] | None = None


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A model that the operator installed: used by every customer, and trained by none.

    ``folder`` is the name of its folder among the operator's base models, which ``load`` is given;
    customers ask for it as ``<plugin>:<folder>``. Without one it is the plugin itself, and
    ``load`` is given an empty folder.
    """

    folder: str = ""
    title: str = ""
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A base model that the operator installed and the plugin does not use, and what to do."""

    folder: str
    reason: str


class Plugin:
    """One kind of model: what it takes, how it is trained, how it is used.

    Only ``id``, ``load`` and ``predict`` are compulsory, and ``train`` for a plugin that trains.
    An instance lives in one child process and serves one training, or one loaded model.
    Import heavy libraries inside the methods: describing a plugin takes under a second.
    """

    id: ClassVar[str]
    title: ClassVar[str] = ""
    description: ClassVar[str] = ""
    author: ClassVar[str] = ""
    licence: ClassVar[str] = ""
    task: ClassVar[str] = "other"
    accepts: ClassVar[tuple[str, ...]] = ()
    meters: ClassVar[dict[str, str]] = {}
    metrics: ClassVar[dict[str, str]] = {}
    needs: ClassVar[Needs] = Needs()
    max_batch: ClassVar[int] = 1
    max_wait_ms: ClassVar[int] = 0
    loads: ClassVar[tuple[str, ...]] = ()
    card: ClassVar[str] = ""
    samples: ClassVar[tuple[str, ...]] = ()
    translations: ClassVar[dict[str, str]] = {}
    trial: ClassVar[Trial] = Trial()

    TrainParams: ClassVar[type[Params]] = Params
    Input: ClassVar[type[Params]] = Params
    PredictParams: ClassVar[type[Params]] = Params

    @classmethod
    def installed(cls) -> Sequence[Installed]:
        """Name the models that are used without a training, from what the operator has installed.

        Asked whenever the plugin is described. A plugin that does not train is one itself.
        """
        return () if cls.train is not Plugin.train else (Installed(),)

    @classmethod
    def left_out(cls) -> Sequence[LeftOut]:
        """Name the installed base models that look like the plugin's and cannot be used, and why.

        The operator reads it on the plugin's page and in the workers' log.
        """
        return ()

    @classmethod
    def offered(cls) -> Mapping[str, Sequence[str]]:
        """Name, by training parameter, the values that the operator has installed for it.

        The form offers those alone, and a training that asks for another is refused at once.
        Asked whenever the plugin is described.
        """
        return {}

    def devices_most(self, data: TrainData, params: Any) -> int:
        """Say how many devices such a training can use; ``needs`` has the most.

        Where the operator offers several, ``train`` is then called in as many processes, each with
        its own ``run.rank`` and ``run.device``, set up as ``accelerate launch`` does it.
        """
        return self.needs.devices

    def validate(self, data: TrainData, params: Any) -> Iterable[Problem]:
        """Yield what is wrong with a dataset, on a CPU, before any training time is spent."""
        return ()

    def train(self, run: TrainRun) -> None:
        """Train, and leave the finished model in ``run.model_dir`` as safetensors and JSON."""
        raise PluginError(f"{self.id} does not train.")

    def evaluate(self, run: TrainRun) -> Mapping[str, float]:
        """Measure the finished model in ``run.model_dir`` on the held-out split."""
        return {}

    def load(self, model_dir: Path, device: str) -> Any:
        """Return the model, ready on ``device``, for ``predict`` to use."""
        return model_dir

    def predict(
        self, model: Any, inputs: Sequence[Any], params: Any, run: PredictRun
    ) -> Sequence[Any] | Iterator[str]:
        """Return one result per input, in order: a PIL image, a ``str``, a ``dict`` or a ``Path``.

        ``model`` is what ``load`` returned. At most ``max_batch`` inputs come at a time. A
        generator function streams instead: it gets one input and yields pieces of its text.
        """
        raise PluginError(f"{self.id} does not predict.")
