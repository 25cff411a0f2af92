import json
import random
from itertools import pairwise

from modelmill_sdk import Params, Plugin, hookimpl
from pydantic import Field


class Markov(Plugin):
    id = "markov"
    accepts = ("text",)
    meters = {"tokens_out": "Words written"}

    class Input(Params):
        prompt: str = Field(description="The word to begin with.")

    def train(self, run):
        follows, rows = {}, run.data["train"]
        for step, text in enumerate(rows["text"], start=1):
            words = text.split()
            for word, following in pairwise(words):
                follows.setdefault(word, []).append(following)
            run.progress(step, len(rows), words=len(follows))
        (run.model_dir / "follows.json").write_text(json.dumps(follows))

    def load(self, model_dir, device):
        return json.loads((model_dir / "follows.json").read_text())

    def predict(self, model, inputs, params, run):
        word, chance = inputs[0].prompt, random.Random(run.seed)
        while word in model:
            word = chance.choice(model[word])
            run.count("tokens_out", 1)
            yield f"{word} "


@hookimpl
def register_models(register):
    register(Markov)
