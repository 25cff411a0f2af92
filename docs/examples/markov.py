import json
from itertools import pairwise

from modelmill_sdk import Params, Plugin, hookimpl
from pydantic import Field


class Markov(Plugin):
    id = "markov"
    description, author, licence = "Writes on from a word.", "Ada Miller", "Apache-2.0"
    accepts, meters = ("text",), {"tokens_out": "Words written"}

    class Input(Params):
        prompt: str = Field(max_length=100, description="The word to begin with.")

    def train(self, run):
        model = self.load(run.resume_from, "cpu") if run.resume_from else {"rows": 0, "next": {}}
        texts = [row["text"].split() for row in run.data.rows("train")]
        while (step := model["rows"] + 1) <= len(texts) and not run.is_finishing:
            model = {"rows": step, "next": model["next"] | dict(pairwise(texts[step - 1]))}
            run.progress(step, len(texts), words=len(model["next"]))
            run.checkpoint(step, lambda folder, now=model: self.save(folder, now))
        self.save(run.model_dir, model)

    def save(self, folder, model):
        (folder / "model.json").write_text(json.dumps(model))

    def load(self, folder, device):
        return json.loads((folder / "model.json").read_text())

    def predict(self, model, inputs, params, run):
        word = inputs[0].prompt
        while (word := model["next"].get(word)) and run.counts["tokens_out"] < 40:
            run.count("tokens_out", 1)
            yield f"{word} "


@hookimpl
def register_models(register):
    register(Markov)
