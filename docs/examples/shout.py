from modelmill_sdk import Params, Plugin, hookimpl
from pydantic import Field


class Shout(Plugin):
    id = "shout"
    description, author, licence = "Says it louder.", "Ada Miller", "Apache-2.0"

    class Input(Params):
        text: str = Field(max_length=10_000, description="What to say louder.")

    def predict(self, model, inputs, params, run):
        return [one.text.upper() for one in inputs]


@hookimpl
def register_models(register):
    register(Shout)
