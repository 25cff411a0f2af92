"""The files of a new plugin, as text with a few words to fill in."""

PREDICT = """\
from modelmill_sdk import Params, Plugin, hookimpl
from pydantic import Field


class {cls}(Plugin):
    id = "{id}"
    card = "card.md"

    class Input(Params):
        text: str = Field(max_length=10_000, description="What to say louder.")

    def predict(self, model, inputs, params, run):
        return [one.text.upper() for one in inputs]


@hookimpl
def register_models(register):
    register({cls})
"""

TRAIN = """\
import json
from itertools import pairwise

from modelmill_sdk import Params, Plugin, hookimpl
from pydantic import Field


class {cls}(Plugin):
    id = "{id}"
    card = "card.md"
    accepts = ("text",)

    class Input(Params):
        prompt: str = Field(max_length=100, description="The word to begin with.")

    def train(self, run):
        texts = [row["text"].split() for row in run.data.rows("train")]
        model = {{"rows": 0, "next": {{}}}}
        if run.resume_from:
            model = self.load(run.resume_from, run.device)
        while (step := model["rows"] + 1) <= len(texts) and not run.is_finishing:
            model = {{"rows": step, "next": model["next"] | dict(pairwise(texts[step - 1]))}}
            run.progress(step, len(texts), words=len(model["next"]))
            run.checkpoint(step, lambda folder, now=model: self.save(folder, now))
        self.save(run.model_dir, model)

    def save(self, folder, model):
        (folder / "model.json").write_text(json.dumps(model))

    def load(self, folder, device):
        return json.loads((folder / "model.json").read_text())

    def predict(self, model, inputs, params, run):
        return [model["next"].get(one.prompt, "") for one in inputs]


@hookimpl
def register_models(register):
    register({cls})
"""

PROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"
description = "{description}"
readme = "README.md"
requires-python = ">=3.11"
license = "Apache-2.0"
authors = [{{ name = {author} }}]
dependencies = ["modelmill-sdk[data]>=0.1,<0.2"]

[project.optional-dependencies]
dev = ["pytest>=8,<10"]

[project.entry-points.modelmill]
{id} = "{package}.plugin"

[tool.hatch.build.targets.wheel]
packages = ["src/{package}"]

[tool.pytest.ini_options]
pythonpath = ["src"]
"""

TEST = """\
from modelmill_sdk.testing import check_plugin
from {package}.plugin import {cls}


def test_it_keeps_every_promise():
    check_plugin({cls})
"""

README = """\
# {title}

{description} The model card, which customers read, is `src/{package}/card.md`.

```
mill-plugin check              # every promise of the contract
{run}
python -m pytest               # the same check as a test; pip install -e ".[dev]" brings pytest
```
"""

CARD = """\
## What it is for

{what}

{example}

## What it learns from

{learns}

## How well it works

{works}

## Limits

{limits}

## Sources

No paper, no base model and no data of anybody else's.
"""

CARD_TRAIN = {
    "what": "Give it a word, and it answers the word that followed in your texts.",
    "learns": "Texts, one row at a time. Two words are enough: it learns them by heart.",
    "works": "It knows every pair of words that it has seen, the latest of each, and nothing else. "
    "Nothing was measured.",
    "limits": "It knows no grammar and no meaning, and answers nothing to a word it never saw.",
}
CARD_PREDICT = {
    "what": "Give it a text, and it answers the same in capital letters.",
    "learns": "Nothing: it does not train.",
    "works": "It follows the capitals of Unicode. Nothing was measured.",
    "limits": "At most 10,000 characters at a time. Scripts without capitals stay as they are.",
}

RUN_TRAIN = """\
mill-plugin run train sample.txt
mill-plugin run predict mill-run/model --input prompt=The"""
RUN_PREDICT = "mill-plugin run predict --input text=hello"

SAMPLE = """\
The miller carried the flour to the mill. The mill turns when the water runs.
Nobody counted the sacks. The sacks stood in a row by the door.
Her brother sold the loaf. The loaf was warm, and the baker was proud of it.
A grey cat slept on the sacks. The cat knows when the miller comes.

In summer the river is low, and the mill stands still for days on end.
Then the miller mends the wheel, sharpens the stones and sweeps the floor.
The baker waits for flour, and his bread grows smaller every morning.

When the rain returns, the river rises and the wheel begins to turn again.
The miller opens the gate by the width of a hand, and listens to the stones.
Seven sacks are full by noon. The key hangs on its nail beside the door.

Her brother drives to the market with the sacks and comes back with silver.
He counts the coins on the table. She counts them again, and one is missing.
Nobody speaks. The cat plays with something bright under the bench.

At night the mill is quiet, but the river is not, and the river never sleeps.
The miller hears it in her dreams: flour and water, water and flour.
In the morning the baker knocks on the door, and the wheel begins to turn.
"""
