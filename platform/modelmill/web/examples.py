"""Code that calls a model, ready to copy: with the OpenAI client, and with curl."""

import json
from typing import Any

from django.conf import settings

from modelmill.registry.models import ModelVersion

_PYTHON_HEAD = """\
import os{imports}

from openai import OpenAI

client = OpenAI(
    base_url="{base}",
    api_key=os.environ["OPENAI_API_KEY"],
)
"""
_PYTHON_IMPORTS = {"image-generation": "\nfrom base64 import b64decode\nfrom pathlib import Path"}
_PYTHON_CALLS = {
    "text-generation": """
answer = client.completions.create(
    model="{model}",
    prompt="Once",
    max_tokens=100,
)
print(answer.choices[0].text)
""",
    "embeddings": """
answer = client.embeddings.create(
    model="{model}",
    input=["The mill turns.", "Corn is ground."],
)
print(answer.data[0].embedding)
""",
    "image-generation": """
answer = client.images.generate(
    model="{model}",
    prompt="",
    n=4,
)
for number, picture in enumerate(answer.data):
    content = b64decode(picture.b64_json)
    Path(f"picture-{{number}}.png").write_bytes(content)
""",
}
_PYTHON_ANY = """
answer = client.post(
    "/predictions",
    body={{"model": "{model}", "input": {{}}}},
    options={{"headers": {{"Prefer": "wait"}}}},
    cast_to=object,
)
print(answer["outputs"])
"""


def python_example(version: ModelVersion) -> str:
    """Return a whole Python program that uses the model."""
    call = _PYTHON_CALLS.get(_task(version), _PYTHON_ANY)
    imports = _PYTHON_IMPORTS.get(_task(version), "")
    program = (_PYTHON_HEAD + call).format(base=_base_url(), model=version.name, imports=imports)
    return program.rstrip()


def curl_example(version: ModelVersion) -> str:
    """Return a shell command that uses the model."""
    path, body = _request(version)
    return (
        f"curl {_base_url()}/{path} \\\n"
        '  -H "Authorization: Bearer $OPENAI_API_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{json.dumps(body, ensure_ascii=False)}'"
    )


def _request(version: ModelVersion) -> tuple[str, dict[str, Any]]:
    if _task(version) == "text-generation":
        return "completions", {"model": version.name, "prompt": "Once", "max_tokens": 100}
    if _task(version) == "image-generation":
        return "images/generations", {
            "model": version.name,
            "prompt": "",
            "n": 4,
            "response_format": "url",
        }
    if _task(version) == "embeddings":
        return "embeddings", {"model": version.name, "input": "The mill turns."}
    return "predictions", {"model": version.name, "input": {}}


def _task(version: ModelVersion) -> str:
    return str(version.release.manifest["task"])


def _base_url() -> str:
    return f"{settings.PUBLIC_URL}/v1"
