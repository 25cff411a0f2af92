"""The trainings and predictions that the checks look at, each made once, when first asked for.

Six processes, one after another: one describes; one trains to the end, is cancelled, paused and
finished early, and uses what is left; one, with an interpreter of its own, trains again and is
killed; one resumes and is given poor rows; one loads and predicts; one does so again, an input at
a time.
"""

import shutil
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from modelmill_sdk.conformance.child import Answer, Child
from modelmill_sdk.conformance.crew import Crew
from modelmill_sdk.conformance.imports import imports_found
from modelmill_sdk.conformance.inputs import inputs_make, params_short
from modelmill_sdk.conformance.orders import Orders
from modelmill_sdk.conformance.poor import poor_datasets
from modelmill_sdk.conformance.samples import sample_dataset
from modelmill_sdk.conformance.scratch import Scratch, folder_digests
from modelmill_sdk.conformance.starting import THREADS
from modelmill_sdk.conformance.targets import Target
from modelmill_sdk.conformance.verdicts import Skip
from modelmill_sdk.describing import plugin_trains
from modelmill_sdk.manifest import Manifest
from modelmill_sdk.plugin import Plugin, Trial
from modelmill_sdk.protocol import (
    CheckpointSaved,
    Describe,
    Manifests,
    ModelLoad,
    PredictStart,
    Progress,
    TrainDone,
    TrainStart,
    ValidateStart,
)

SEED = 7
_NEVER_S = 3600.0


class Evidence:
    """What is known of one plugin."""

    def __init__(
        self,
        plugin: type[Plugin],
        target: Target,
        scratch: Scratch,
        *,
        trial: Trial,
        timeout_s: float,
    ) -> None:
        """Begin with nothing; ``trial`` says what to train and ask for."""
        self.plugin = plugin
        self.scratch = scratch
        self.trains = plugin_trains(plugin)
        self.crew = Crew(target, scratch)
        self._trial = trial
        self._timeout_s = timeout_s

    # --- what is trained on, and asked

    @cached_property
    def data_dir(self) -> Path:
        """The dataset: the trial's own, or the kit's of the first kind the plugin accepts."""
        folder = self.scratch.data / "good"
        if self._trial.data is not None:
            return self._trial.data(folder)
        return sample_dataset(folder, self.plugin.accepts[0])

    @cached_property
    def params(self) -> dict[str, Any]:
        """The training's parameters, turned down to take a moment."""
        return {**params_short(self.plugin.TrainParams), **self._trial.params}

    @cached_property
    def inputs(self) -> list[dict[str, Any]]:
        """What the predictions are asked."""
        given = [dict(one) for one in self._trial.inputs]
        return given or inputs_make(self.plugin.Input)

    @cached_property
    def data_before(self) -> dict[str, str]:
        """The dataset's files, before anything was trained on them."""
        return folder_digests(self.data_dir)

    # --- describing

    @cached_property
    def description(self) -> Answer:
        """The answer of a fresh process that was asked to describe the plugin."""
        child = self.crew.start_warm()
        answer = child.ask(Describe(entry_point="", distribution=""), timeout_s=self._timeout_s)
        self.crew.finish(child)
        return answer

    @property
    def manifest(self) -> Manifest:
        """The manifest. Raises Skip if there is none."""
        end = self.description.end
        if not isinstance(end, Manifests) or not end.items:
            raise Skip("It could not be described.")
        return end.items[0]

    # --- training

    @cached_property
    def whole(self) -> Answer:
        """An uninterrupted training that saves no checkpoint on the way."""
        return self._train(self.trainer, "whole", checkpoint_every_s=_NEVER_S)

    @property
    def trained(self) -> TrainDone:
        """How the uninterrupted training ended. Raises Skip if it did not end well."""
        self.need_training()
        if not isinstance(self.whole.end, TrainDone):
            raise Skip("The training did not end well.")
        return self.whole.end

    @property
    def reports(self) -> list[Progress]:
        """Every progress report of the uninterrupted training; at least two, or Skip."""
        assert self.trained
        reports = [one for one in self.whole.messages if isinstance(one, Progress)]
        if len(reports) < 2:
            raise Skip("There are too few progress reports to stop between two of them.")
        return reports

    @cached_property
    def cancelled(self) -> Answer:
        """A training that is cancelled half-way."""
        orders = Orders(stop="cancel", stop_at_report=len(self.reports) // 2)
        return self._train(self.trainer, "cancelled", orders=orders)

    @cached_property
    def paused(self) -> Answer:
        """A training that is paused half-way."""
        orders = Orders(stop="pause", stop_at_report=len(self.reports) // 2)
        return self._train(self.trainer, "paused", orders=orders)

    @cached_property
    def finished(self) -> Answer:
        """A training that is asked half-way to finish."""
        orders = Orders(stop="finish", stop_at_report=len(self.reports) // 2)
        return self._train(self.trainer, "finished", orders=orders)

    @cached_property
    def again(self) -> Answer:
        """The same training in another process, saving a checkpoint as often as it can."""
        assert self.trained
        return self._train(self._repeater, "again", checkpoint_every_s=0)

    @cached_property
    def killed(self) -> Answer:
        """A training that dies by SIGKILL, some work after its second checkpoint."""
        assert self.trained
        saved = len(self.again.of(CheckpointSaved))
        if saved == 0:
            raise Skip("It saved no checkpoint.")
        orders = Orders(kill_after_checkpoints=1 if saved < 3 else 2)
        answer = self._train(self._repeater, "killed", orders=orders, checkpoint_every_s=0)
        self.crew.forget(self._repeater)
        return answer

    @cached_property
    def resumed(self) -> Answer:
        """A training that goes on from the newest checkpoint of the killed one, elsewhere."""
        newest = sorted((self.scratch.runs / "killed" / "checkpoints").glob("step-*"))[-1]
        # On the platform a checkpoint comes back from storage, and lies in another folder.
        resume_dir = self.scratch.shelf / "checkpoint"
        shutil.copytree(newest, resume_dir)
        return self._train(
            self._resumer, "resumed", resume_dir=resume_dir, checkpoint_every_s=_NEVER_S
        )

    def model_digests(self, name: str) -> dict[str, str]:
        """Hash the files of the model that a training left."""
        if name == "whole":
            return folder_digests(self.model_dir)
        return folder_digests(self.scratch.runs / name / "model")

    @cached_property
    def poor(self) -> list[tuple[str, Answer, Answer | None]]:
        """For each poor dataset: what it is, its validation, and its training if none was found."""
        self.need_training()
        seen: list[tuple[str, Answer, Answer | None]] = []
        for what, folder in poor_datasets(self.data_dir, self.scratch.data):
            work = ValidateStart(plugin_id=self.plugin.id, params=self.params, data_dir=folder)
            looked = self._resumer.ask(work, timeout_s=self._timeout_s)
            has_problems = any(one.type == "problem_found" for one in looked.messages)
            tried = None
            if not has_problems and looked.end is not None and looked.end.type == "validate_done":
                tried = self._train(self._resumer, what.replace(" ", "-"), data_dir=folder)
            seen.append((what, looked, tried))
        return seen

    # --- predicting

    @cached_property
    def model_dir(self) -> Path:
        """The model, away from where it was trained, as on the platform."""
        folder = self.scratch.shelf / "model"
        if not self.trains:
            folder.mkdir()
            return self._trial.model(folder) if self._trial.model is not None else folder
        assert self.trained
        shutil.move(self.scratch.runs / "whole" / "model", folder)
        shutil.rmtree(self.scratch.runs / "whole")
        return folder

    @cached_property
    def loaded(self) -> Answer:
        """The loading of the model in a fresh process."""
        return self.load(self._predictor)

    @cached_property
    def predicted(self) -> Answer:
        """All inputs in one request."""
        return self._predict(self._predictor, self.loaded, "together")

    @cached_property
    def repeated(self) -> Answer:
        """The same request once more, to the same process."""
        return self._predict(self._predictor, self.loaded, "repeated")

    @cached_property
    def alone(self) -> Answer:
        """The same request to a process that gives the plugin one input at a time."""
        child = self.crew.start_warm(max_batch=1)
        answer = self._predict(child, self.load(child), "alone")
        self.crew.finish(child)
        return answer

    @cached_property
    def finished_loaded(self) -> Answer:
        """The loading of the model that was finished early, where it was made."""
        folder = self.scratch.runs / "finished" / "model"
        work = ModelLoad(plugin_id=self.plugin.id, model_dir=folder, threads=THREADS)
        return self.trainer.ask(work, timeout_s=self._timeout_s)

    @cached_property
    def finished_predicted(self) -> Answer:
        """All inputs in one request to that model."""
        return self._predict(self.trainer, self.finished_loaded, "finished")

    def need_training(self) -> None:
        """Raise Skip for a plugin that does not train."""
        if not self.trains:
            raise Skip("It does not train.")

    # --- the processes, and what they are asked

    @cached_property
    def trainer(self) -> Child:
        """The process that trains first."""
        # Describing comes first: its process must have imported nothing.
        assert self.description
        self.crew.learn(imports_found(self.plugin))
        return self.crew.start_warm()

    @cached_property
    def _repeater(self) -> Child:
        # An interpreter of its own, with another order of sets.
        return self.crew.start_cold()

    @cached_property
    def _resumer(self) -> Child:
        # What the source did not show, such as a library that another one imports.
        self.crew.learn([one.what for one in self.crew.sightings if one.kind == "import"])
        return self.crew.start_warm()

    @cached_property
    def _predictor(self) -> Child:
        return self.crew.start_warm()

    def _train(
        self,
        child: Child,
        name: str,
        *,
        orders: Orders | None = None,
        checkpoint_every_s: float = _NEVER_S,
        data_dir: Path | None = None,
        resume_dir: Path | None = None,
    ) -> Answer:
        assert self.data_before is not None
        (orders or Orders()).write(child.orders)
        folder = self.scratch.runs / name
        work = TrainStart(
            plugin_id=self.plugin.id,
            params=self.params,
            seed=SEED,
            threads=THREADS,
            data_dir=data_dir or self.data_dir,
            workdir=folder,
            model_dir=folder / "model",
            checkpoint_dir=folder / "checkpoints",
            checkpoint_every_s=checkpoint_every_s,
            resume_dir=resume_dir,
        )
        return child.ask(work, timeout_s=self._timeout_s)

    def load(self, child: Child) -> Answer:
        """Let a process load the model."""
        work = ModelLoad(plugin_id=self.plugin.id, model_dir=self.model_dir, threads=THREADS)
        return child.ask(work, timeout_s=self._timeout_s)

    def predict(
        self, child: Child, name: str, inputs: Sequence[Mapping[str, Any]] | None = None
    ) -> Answer:
        """Let a process that has loaded the model answer these inputs, or the trial's."""
        work = PredictStart(
            request_id=name,
            inputs=[dict(one) for one in inputs or self.inputs],
            params=dict(self._trial.predict_params),
            seed=SEED,
            out_dir=self.scratch.outputs / name,
        )
        return child.ask(work, timeout_s=self._timeout_s)

    def _predict(self, child: Child, loaded: Answer, name: str) -> Answer:
        if loaded.end is None or loaded.end.type != "loaded":
            raise Skip("The model could not be loaded.")
        return self.predict(child, name)
