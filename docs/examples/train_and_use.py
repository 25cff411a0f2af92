"""Train two models and use them, with nothing but the openai package.

Set OPENAI_BASE_URL (for instance http://127.0.0.1:8000/v1) and OPENAI_API_KEY.
"""

import base64
import sys
import time
from pathlib import Path

from openai import OpenAI

client = OpenAI()


def train(plugin: str, path: str, **hyperparameters: object) -> str:
    file = client.files.create(file=Path(path), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(
        model=plugin, training_file=file.id, seed=1, hyperparameters=hyperparameters
    )
    seen: set[str] = set()
    while job.status not in ("succeeded", "failed", "cancelled"):
        time.sleep(1)
        for event in reversed(client.fine_tuning.jobs.list_events(job.id).data):
            if event.id not in seen:
                seen.add(event.id)
                print(event.message, event.data or "")
        job = client.fine_tuning.jobs.retrieve(job.id)
    assert job.status == "succeeded", job.error
    return job.fine_tuned_model


faces = train("gan-faces", sys.argv[1], steps=int(sys.argv[3]))
image = client.images.generate(model=faces, prompt="", n=1).data[0]
Path("face.png").write_bytes(base64.b64decode(image.b64_json))
text = train("text-generation", sys.argv[2], steps=int(sys.argv[4]))
for chunk in client.completions.create(model=text, prompt="The", max_tokens=40, stream=True):
    print(chunk.choices[0].text if chunk.choices else "", end="")
