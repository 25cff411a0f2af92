"""Code that calls a model, ready to copy: with the OpenAI client, and with curl."""

import json
from typing import Any

from django.conf import settings

from modelmill.registry.models import ModelVersion

_PYTHON_HEAD = """\
import os

from openai import OpenAI

client = OpenAI(base_url="{base}", api_key=os.environ["MODELMILL_KEY"])
"""
_PYTHON_CALLS = {
    "text-generation": """
answer = client.completions.create(model="{model}", prompt="Once", max_tokens=100)
print(answer.choices[0].text)
""",
    "image-generation": """
import base64
from pathlib import Path

answer = client.images.generate(model="{model}", n=4)
for number, picture in enumerate(answer.data):
    Path(f"picture-{{number}}.png").write_bytes(base64.b64decode(picture.b64_json))
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
    return (_PYTHON_HEAD + call).format(base=_base_url(), model=version.name).rstrip()


def curl_example(version: ModelVersion) -> str:
    """Return a shell command that uses the model."""
    path, body = _request(version)
    return (
        f"curl {_base_url()}/{path} \\\n"
        '  -H "Authorization: Bearer $MODELMILL_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{json.dumps(body, ensure_ascii=False)}'"
    )


def _request(version: ModelVersion) -> tuple[str, dict[str, Any]]:
    if _task(version) == "text-generation":
        return "completions", {"model": version.name, "prompt": "Once", "max_tokens": 100}
    if _task(version) == "image-generation":
        return "images/generations", {"model": version.name, "n": 4, "response_format": "url"}
    return "predictions", {"model": version.name, "input": {}}


def _task(version: ModelVersion) -> str:
    return str(version.release.manifest["task"])


def _base_url() -> str:
    return f"{settings.PUBLIC_URL}/v1"
