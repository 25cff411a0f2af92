"""Run the demo, then serve the dashboard until Ctrl-C (``--exit``: stop by itself)."""

import argparse
import os
import sys
from pathlib import Path

import httpx2
import openai
from rich.console import Console

from deploy.demo import prose
from deploy.demo.faces import faces_zip
from deploy.demo.receipt import SumsDiffer, receipt_print
from deploy.demo.story import StepFailed, Story
from deploy.demo.visitor import DoorShut, Visitor
from deploy.launch.__main__ import interruptible, watch
from deploy.launch.installation import Installation, StartFailed
from deploy.launch.services import ROOT

FAILURES = (
    StepFailed,
    DoorShut,
    SumsDiffer,
    StartFailed,
    prose.ProseMissing,
    openai.OpenAIError,
    httpx2.HTTPError,
)
FACES = 400
PIXELS = 64
SCOPES = [
    "data:read",
    "data:write",
    "jobs:read",
    "jobs:write",
    "models:read",
    "models:download",
    "infer",
    "billing:read",
]
FACES_PARAMETERS: dict[str, object] = {"steps": 1200, "mirror": False}
# Some two minutes on one core; plugins/text_generation/README.md says what comes of it.
TEXT_PARAMETERS: dict[str, object] = {"steps": 300, "sample_prompt": prose.PROMPT}


def main() -> int:
    """Return 0 when every step held, 1 when one did not."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="stop after the receipt")
    options = parser.parse_args()
    console = Console()
    interruptible()
    var = Path(os.environ.get("MODELMILL_VAR_DIR", ROOT / "var"))
    try:
        console.print("Starting Modelmill …")
        with Installation(var) as mill:
            console.print(f"Modelmill is at {mill.url}")
            tell(mill, console)
            if options.exit:
                return 0
            console.print(f"\nThe dashboard is at {mill.url}. Ctrl-C ends everything.")
            return watch(mill)
    except FAILURES as failure:
        console.print(f"[red bold]The demo failed:[/red bold] {failure}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("\nEnded.")
        return 0 if not options.exit else 130


def tell(mill: Installation, console: Console) -> None:
    """Do the whole job as a new tenant, and print the receipt."""
    folder = mill.var / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    visitor = Visitor(mill.url, printed_mail=lambda: mill.log("web"))
    visitor.sign_up()
    visitor.name_tenant("Demo Mill")
    key = visitor.make_key(SCOPES)
    console.print(f"Signed up as {visitor.email}, organisation “Demo Mill”, with an API key")
    client = openai.OpenAI(base_url=f"{mill.url}/v1", api_key=key)
    story = Story(client, folder, console)
    pictures = faces_zip(folder / "faces.zip", count=FACES, pixels=PIXELS)
    text = prose.prose_file(folder / "prose.txt")
    faces = story.train(
        "gan-faces", file_id=story.upload(pictures), name="faces", parameters=FACES_PARAMETERS
    )
    story.draw(faces, count=8)
    writer = story.train(
        "text-generation", file_id=story.upload(text), name="prose", parameters=TEXT_PARAMETERS
    )
    story.write(writer, prompt=prose.PROMPT, tokens=120)
    mill.manage("billing_close", "--tenant", tenant_slug(client), "--now")
    receipt_print(console, url=mill.url, key=key, made=story.made)
    console.print(
        f"Log in to see it all: {visitor.email}, password {visitor.password}", soft_wrap=True
    )


def tenant_slug(client: openai.OpenAI) -> str:
    """Return the tenant's short name, which its models carry: ft:<plugin>:<slug>:<name>:<id>."""
    own = [model.id for model in client.models.list() if model.id.startswith("ft:")]
    return own[0].split(":")[2]


if __name__ == "__main__":
    sys.exit(main())
