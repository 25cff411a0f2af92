from functools import partial

from modelmill_sdk import Needs, Params, Plugin, hookimpl
from pydantic import Field


class Letters(Plugin):
    id = "letters"
    description, author, licence = "Writes on, letter by letter.", "Ada Miller", "Apache-2.0"
    accepts, meters = ("text",), {"tokens_out": "Letters written"}
    needs = Needs(devices=8)

    class TrainParams(Params):
        steps: int = Field(default=200, ge=1, le=100_000, description="Batches to learn from.")

    class Input(Params):
        prompt: str = Field(max_length=100, description="What to go on from.")

    def train(self, run):
        from accelerate import Accelerator
        from modelmill_sdk.learning.batches import Shuffled
        from modelmill_sdk.learning.state import state_restore, state_save
        from modelmill_sdk.seeding import seed_everything
        from torch import nn, optim, tensor

        seed_everything(run.seed)
        text = "\n".join(row["text"] for row in run.data.rows("train"))
        letters = "".join(sorted(set(text)))
        places = tensor([letters.index(letter) for letter in text])
        order = Shuffled(len(text) - 1, batch_size=64, seed=run.seed)
        network = network_of(letters)
        adam = optim.AdamW(network.parameters(), lr=0.01)
        whole = {"networks": {"letters": network}, "optimizers": {"adam": adam}}
        step = state_restore(run.resume_from, **whole)[0]["step"] if run.resume_from else 0

        accelerator = Accelerator()
        model, optimizer = accelerator.prepare(network, adam)
        while step < run.params.steps and not run.is_finishing:
            step += 1
            # Each process takes its share of the batch, and accelerate averages the gradients.
            rows = order.rows(step)[run.rank :: run.world_size]
            given, wanted = (places[at].to(accelerator.device) for at in (rows, rows + 1))
            loss = nn.functional.cross_entropy(model(given), wanted)
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
            run.progress(step, run.params.steps, loss=loss)
            run.checkpoint(step, partial(state_save, facts={"step": step}, **whole))
        if run.rank == 0:
            whole["optimizers"] = {}
            state_save(run.model_dir, facts={"letters": letters}, **whole)

    def load(self, folder, device):
        from modelmill_sdk.learning.state import facts_read, state_restore

        letters = facts_read(folder)["letters"]
        network = network_of(letters)
        state_restore(folder, networks={"letters": network}, optimizers={})
        return letters, network

    def predict(self, model, inputs, params, run):
        from torch import tensor

        letters, network = model
        place = max(letters.find(inputs[0].prompt[-1:]), 0)
        while run.counts["tokens_out"] < 40:
            place = int(network(tensor(place)).argmax())
            run.count("tokens_out", 1)
            yield letters[place]


def network_of(letters):
    """Guess the next letter from the last: (B,) places in, (B, letters) scores out."""
    from torch import nn

    return nn.Sequential(nn.Embedding(len(letters), 32), nn.Linear(32, len(letters)))


@hookimpl
def register_models(register):
    register(Letters)
