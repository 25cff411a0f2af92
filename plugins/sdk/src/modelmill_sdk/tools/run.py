"""``mill-plugin run``: train and predict on this machine, without a server or a database."""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from modelmill_sdk.errors import CustomerError, PluginError
from modelmill_sdk.tools.finding import Found, plugin_find_one
from modelmill_sdk.tools.predicting import predict_here
from modelmill_sdk.tools.raw import dataset_of
from modelmill_sdk.tools.training import TrainPlace, train_here
from modelmill_sdk.tools.values import inputs_read, values_read


def arguments_add(parser: argparse.ArgumentParser) -> None:
    """Declare the words of the command."""
    words = parser.add_subparsers(dest="what", required=True)
    train = words.add_parser("train", help="train DATA: train on raw data; Ctrl-C pauses")
    train.add_argument("data", type=Path, help="pictures, class folders, .txt, .jsonl, .csv, …")
    train.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    train.add_argument("--checkpoint-every-s", type=float, default=60.0)
    train.add_argument("--devices", type=int, default=1, help="how many, each a process of its own")
    predict = words.add_parser("predict", help="predict MODEL --input …: use it")
    predict.add_argument("model", nargs="?", type=Path, help="the model's folder")
    predict.add_argument("--input", action="append", default=[], metavar="NAME=VALUE")
    predict.add_argument("--inputs", type=Path, help="a .jsonl file, one input a line")
    for word in (train, predict):
        word.add_argument("--plugin", default=".", help="folder, file, module or plugin id")
        word.add_argument("--id", help="which plugin, where one folder brings several")
        word.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
        word.add_argument("--seed", type=int)
        word.add_argument("--device", default="cpu")
        word.add_argument("--threads", type=int, default=1)
        word.add_argument("--out", type=Path, default=Path("mill-run"))


def command_run(options: argparse.Namespace) -> int:
    """Do what was asked; 1 where a customer would read a refusal."""
    if options.out.exists() and not options.out.is_dir():
        raise PluginError(f"--out {options.out} is a file; name a folder, which need not be there.")
    with tempfile.TemporaryDirectory(prefix="mill-site-") as site:
        found = plugin_find_one(options.plugin, site=Path(site).resolve(), plugin_id=options.id)
        try:
            if options.what == "predict":
                return predict_here(
                    found.plugin,
                    options.model,
                    inputs=_inputs(options),
                    params=values_read(options.param),
                    seed=options.seed,
                    device=options.device,
                    out_dir=options.out / "predictions",
                )
            return train_here(
                found.plugin,
                dataset_of(options.data, options.out / "data"),
                TrainPlace(options.out),
                params=values_read(options.param),
                seed=options.seed or 0,
                device=options.device,
                threads=options.threads,
                devices=_devices(options, found),
                is_resumed=options.resume,
                checkpoint_every_s=options.checkpoint_every_s,
            )
        except CustomerError as error:
            where = f" ({error.param})" if error.param and error.param not in error.message else ""
            sys.stderr.write(f"A customer would read: {error.message}{where}\n")
            return 1


def _devices(options: argparse.Namespace, found: Found) -> int:
    """Take how many devices were asked for; let their processes find the plugin, too."""
    if options.devices < 1:
        raise PluginError("--devices is 1 or more.")
    if options.devices == 1:
        return 1
    if options.plugin.endswith(".py"):
        raise PluginError(
            "--devices needs a project or an installed plugin: other processes find no single file."
        )
    paths = [*found.target.paths, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return int(options.devices)


def _inputs(options: argparse.Namespace) -> list[dict[str, Any]]:
    if options.inputs is None:
        return [values_read(options.input)]
    if options.input:
        raise PluginError("Give either --input or --inputs, not both.")
    return inputs_read(options.inputs)
