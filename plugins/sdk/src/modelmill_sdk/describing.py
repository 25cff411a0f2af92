"""Describing: from a plugin class to its manifest, or to what is missing in it."""

import inspect
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import Any

from pydantic import PydanticUserError, ValidationError

from modelmill_sdk.errors import ManifestError
from modelmill_sdk.host.prediction import plugin_streams
from modelmill_sdk.manifest import (
    DATASET_KINDS,
    HOST_METERS,
    MAX_FOLDER_CHARS,
    MAX_INSTALLED,
    MAX_REASON_CHARS,
    METER_PATTERN,
    PLUGIN_ID_PATTERN,
    Manifest,
    ManifestInstalled,
    ManifestLeftOut,
    ManifestNeeds,
)
from modelmill_sdk.origins import origin_of
from modelmill_sdk.plugin import Installed, LeftOut, Params, Plugin
from modelmill_sdk.protocol import PROTOCOL
from modelmill_sdk.shown import card_read, samples_read
from modelmill_sdk.translations import translations_kept, translations_read

# Why a base model is left out, for the operator; the cockpit has it in its languages.
CROWDED = "No more than 200 base models are listed: take away those that nobody needs."
# Of what is left out for any reason, beyond what a report can list.
MORE = "More are left out: mend these first."


def manifest_make(
    plugin: type[Plugin], *, entry_point: EntryPoint, out_dir: Path | None = None
) -> Manifest:
    """Describe a class found through an entry point; sample pictures are copied to ``out_dir``.

    Raises ManifestError for what an author must mend.
    """
    class_check(plugin)
    origin, distribution = origin_of(entry_point), entry_point.dist
    installed = tuple(plugin.installed())
    try:
        manifest = Manifest(
            protocol=PROTOCOL,
            plugin_id=plugin.id,
            **origin.model_dump(),
            loads=plugin.loads,
            card=card_read(plugin),
            samples=samples_read(plugin, out_dir=out_dir),
            title=plugin.title or plugin.id.replace("-", " ").capitalize(),
            description=plugin.description
            or inspect.cleandoc(plugin.__dict__.get("__doc__") or "")
            or _metadata(distribution, "Summary"),
            author=plugin.author
            or _metadata(distribution, "Author")
            or _metadata(distribution, "Author-email").partition(" <")[0],
            licence=plugin.licence
            or _metadata(distribution, "License-Expression")
            or _metadata(distribution, "License"),
            task=plugin.task,
            accepts=plugin.accepts,
            meters=plugin.meters,
            metrics=plugin.metrics,
            needs=ManifestNeeds(**asdict(plugin.needs)),
            trains=plugin_trains(plugin),
            installed=tuple(ManifestInstalled(**asdict(one)) for one in installed[:MAX_INSTALLED]),
            left_out=_left_out(plugin.left_out(), cut=installed[MAX_INSTALLED:]),
            offered=_offered(plugin),
            streams=plugin_streams(plugin),
            max_batch=plugin.max_batch,
            max_wait_ms=plugin.max_wait_ms,
            train_schema=_schema(plugin.TrainParams),
            input_schema=_schema(plugin.Input),
            predict_schema=_schema(plugin.PredictParams),
        )
        # Checked once more: what was translated is bounded, too.
        texts = translations_kept(translations_read(plugin), manifest)
        return Manifest.model_validate({**dict(manifest), "texts": texts})
    except ValidationError as error:
        raise ManifestError(f"{plugin.__name__}: {error}") from error


def class_check(plugin: type[Plugin]) -> None:
    """Raise ManifestError unless the class describes itself as the platform requires."""
    name = getattr(plugin, "__name__", repr(plugin))
    if not (inspect.isclass(plugin) and issubclass(plugin, Plugin)):
        raise ManifestError(f"register({name}): register a subclass of modelmill_sdk.Plugin.")
    if not re.fullmatch(PLUGIN_ID_PATTERN, getattr(plugin, "id", "")):
        raise ManifestError(f"{name}.id must be like 'gan-faces': small letters, digits, hyphens.")
    if plugin.predict is Plugin.predict:
        raise ManifestError(f"{name} has no predict().")
    if plugin_trains(plugin) and not plugin.accepts:
        raise ManifestError(f"{name} trains, so {name}.accepts must name at least one kind.")
    for kind in plugin.accepts:
        if kind not in DATASET_KINDS:
            raise ManifestError(f"{name}.accepts: {kind!r} is none of {', '.join(DATASET_KINDS)}.")
    for meter in plugin.meters:
        if not re.fullmatch(METER_PATTERN, meter) or meter in HOST_METERS:
            raise ManifestError(f"{name}.meters: {meter!r} is not a name a plugin may count under.")
    _fields_check(plugin.TrainParams, name=f"{name}.TrainParams", need_defaults=True)
    _fields_check(plugin.Input, name=f"{name}.Input", need_defaults=False)
    _fields_check(plugin.PredictParams, name=f"{name}.PredictParams", need_defaults=True)


def plugin_trains(plugin: type[Plugin]) -> bool:
    """Say whether the class has a ``train`` of its own."""
    return plugin.train is not Plugin.train


def _offered(plugin: type[Plugin]) -> dict[str, tuple[str, ...]]:
    # Of names that no form can send, and of more than can be listed, nothing is offered.
    offered = {
        name: tuple([value for value in values if value == _text(value)][:MAX_INSTALLED])
        for name, values in plugin.offered().items()
    }
    strangers = offered.keys() - plugin.TrainParams.model_fields.keys()
    if strangers:
        raise ManifestError(
            f"{plugin.__name__}.offered(): TrainParams has no {sorted(strangers)[0]!r}."
        )
    return offered


def _left_out(told: Sequence[LeftOut], *, cut: Sequence[Installed]) -> tuple[ManifestLeftOut, ...]:
    """Report what is left out, of any length and by any name: a report makes no plugin invalid."""
    every = [*(LeftOut(folder=one.folder, reason=CROWDED) for one in cut), *told]
    if len(every) > MAX_INSTALLED:
        kept = every[: MAX_INSTALLED - 1]
        every = [*kept, LeftOut(folder=f"+ {len(every) - len(kept)}", reason=MORE)]
    return tuple(
        ManifestLeftOut(
            folder=_text(one.folder)[:MAX_FOLDER_CHARS],
            reason=_text(one.reason)[:MAX_REASON_CHARS],
        )
        for one in every
    )


def _text(said: str) -> str:
    # A file's name that is not UTF-8 has surrogates, which no JSON can hold.
    return str(said).encode(errors="replace").decode()


def _metadata(distribution: Distribution | None, name: str) -> str:
    """Give what pyproject.toml says; the class says only what is different."""
    if distribution is None:
        return ""
    metadata = distribution.metadata
    return str(metadata[name]).strip() if name in metadata else ""


def _fields_check(params: type[Params], *, name: str, need_defaults: bool) -> None:
    if not (inspect.isclass(params) and issubclass(params, Params)):
        raise ManifestError(f"{name} must be a subclass of modelmill_sdk.Params.")
    for field_name, field in params.model_fields.items():
        if not field.description:
            raise ManifestError(
                f"{name}.{field_name} has no description; use Field(description=…)."
            )
        if need_defaults and field.is_required():
            raise ManifestError(f"{name}.{field_name} has no default; customers may leave it out.")
    if need_defaults:
        try:
            params()
        except ValidationError as error:
            raise ManifestError(f"The defaults of {name} are not valid: {error}") from error


def _schema(params: type[Params]) -> dict[str, Any]:
    try:
        schema = params.model_json_schema()
        json.dumps(schema, allow_nan=False)
    except (PydanticUserError, ValueError, TypeError) as error:
        raise ManifestError(f"{params.__qualname__} has no JSON Schema: {error}") from error
    return schema
