"""Code that calls a model, ready to copy: with the OpenAI client, and with curl."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from modelmill.registry.models import ModelVersion
from modelmill.web.example_input import FileText, example_input

_PYTHON_HEAD = """\
import os{imports}

from openai import OpenAI

client = OpenAI(
    base_url="{base}",
    api_key=os.environ["OPENAI_API_KEY"],
)
"""
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
    path = Path(f"picture-{{number}}.png")
    path.write_bytes(b64decode(picture.b64_json))
    print(path)
""",
}
_PYTHON_ANY = """
answer = client.post(
    "/predictions",
    body={{"model": "{model}", "input": {input}}},
    options={{"headers": {{"Prefer": "wait"}}}},
    cast_to=object,
)
print(answer["outputs"])
"""
_IMPORTS = "\nfrom base64 import {name}\nfrom pathlib import Path"
# What the endpoints of these tasks send without being asked for more.
_SENT = {"prompt", "text", "messages"}


def python_example(version: ModelVersion, *, row: Mapping[str, Any]) -> str:
    """Return a whole Python program that uses the model; ``row`` is one of its data, or empty."""
    values = example_input(version, row=row)
    task = _task(version)
    imports = _IMPORTS.format(name="b64decode") if task == "image-generation" else ""
    if not task and _has_file(values):
        imports = _IMPORTS.format(name="b64encode")
    program = (_PYTHON_HEAD + _PYTHON_CALLS.get(task, _PYTHON_ANY)).format(
        base=_base_url(), model=version.name, imports=imports, input=_python(values)
    )
    return program.rstrip()


def curl_example(version: ModelVersion, *, row: Mapping[str, Any]) -> str:
    """Return a shell command that uses the model; ``row`` is one of its data, or empty."""
    path, body = _request(version, row)
    wait = '  -H "Prefer: wait" \\\n' if path == "predictions" else ""
    return (
        f"curl {_base_url()}/{path} \\\n"
        '  -H "Authorization: Bearer $OPENAI_API_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"{wait}{_sent(body)}"
    )


def _request(version: ModelVersion, row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    task = _task(version)
    if task == "text-generation":
        return "completions", {"model": version.name, "prompt": "Once", "max_tokens": 100}
    if task == "image-generation":
        return "images/generations", {
            "model": version.name,
            "prompt": "",
            "n": 4,
            "response_format": "url",
        }
    if task == "embeddings":
        return "embeddings", {"model": version.name, "input": "The mill turns."}
    return "predictions", {"model": version.name, "input": example_input(version, row=row)}


def _task(version: ModelVersion) -> str:
    """Return the task whose endpoint the model is shown with; empty for predictions."""
    manifest = version.release.manifest
    is_asked_for_more = set(manifest["input_schema"].get("required", [])) - _SENT
    is_known = manifest["task"] in _PYTHON_CALLS and not is_asked_for_more
    return str(manifest["task"]) if is_known else ""


def _has_file(values: Mapping[str, Any]) -> bool:
    return any(isinstance(value, FileText) for value in values.values())


def _python(value: Any) -> str:
    if isinstance(value, FileText):
        return f"b64encode(Path({json.dumps(value.name)}).read_bytes()).decode()"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_python(k)}: {_python(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_python, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _sent(body: dict[str, Any]) -> str:
    """Write a body as curl's last words; one with a file as a here-document, which reads it in."""
    given = body.get("input")
    values: dict[str, Any] = given if isinstance(given, dict) else {}
    if not _has_file(values):
        return f"  -d {shlex.quote(json.dumps(body, ensure_ascii=False))}"
    text = json.dumps(body, ensure_ascii=False, default=lambda file: f"\0{file.name}\0")
    for special in ("\\", "$", "`"):
        text = text.replace(special, f"\\{special}")
    for value in values.values():
        if isinstance(value, FileText):
            read = f"$(base64 < {shlex.quote(value.name)} | tr -d '\\n')"
            text = text.replace(f"\\\\u0000{value.name}\\\\u0000", read)
    return f"  -d @- <<END\n{text}\nEND"


def _base_url() -> str:
    return f"{settings.PUBLIC_URL}/v1"
