"""``mill-plugin new``: a distribution with a plugin that passes the check at once."""

import argparse
import json
import keyword
import re
import subprocess
import sys
from pathlib import Path

from modelmill_sdk.errors import PluginError
from modelmill_sdk.manifest import PLUGIN_ID_PATTERN
from modelmill_sdk.placeholders import AUTHOR, EXAMPLE
from modelmill_sdk.tools import templates


def arguments_add(parser: argparse.ArgumentParser) -> None:
    """Declare the words of the command."""
    parser.add_argument("name", help="the plugin's id: small letters, digits, hyphens")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--train", dest="trains", action="store_true", default=True, help="(default)")
    kind.add_argument("--predict-only", dest="trains", action="store_false", help="no training")
    parser.add_argument("--dir", type=Path, help="where to put it; by default a folder of its name")
    parser.add_argument("--author", help="who made it; by default the user.name of git")


def command_run(options: argparse.Namespace) -> int:
    """Write the files, and say what to do next."""
    folder = options.dir or Path(options.name)
    author = options.author or _git_author() or AUTHOR
    files = files_make(options.name, trains=options.trains, author=author)
    if folder.exists() and any(folder.iterdir()):
        raise PluginError(f"{folder} is not empty; choose another with --dir.")
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    said = [f"{folder}/{name}" for name in files]
    if author == AUTHOR:
        said.append("\nNobody is named as its author: say who you are in pyproject.toml.")
    sys.stdout.write("\n".join([*said, "", f"Next: cd {folder} && mill-plugin check"]) + "\n")
    return 0


def files_make(name: str, *, trains: bool, author: str) -> dict[str, str]:
    """Give a new plugin's files by path. Raises PluginError for a name that is no plugin id."""
    package = name.replace("-", "_")
    if not re.fullmatch(PLUGIN_ID_PATTERN, name) or keyword.iskeyword(package):
        raise PluginError(f"{name!r} is no plugin id: small letters, digits and single hyphens.")
    words = {
        "id": name,
        "name": name,
        "package": package,
        "cls": "".join(part.capitalize() for part in name.split("-")),
        "title": name.replace("-", " ").capitalize(),
        "author": json.dumps(author, ensure_ascii=False),
        "description": "Says which word comes next." if trains else "Says it louder.",
        "run": templates.RUN_TRAIN if trains else templates.RUN_PREDICT,
    }
    code = templates.TRAIN if trains else templates.PREDICT
    card = templates.CARD_TRAIN if trains else templates.CARD_PREDICT
    files = {
        "pyproject.toml": templates.PROJECT.format(**words),
        "README.md": templates.README.format(**words),
        f"src/{package}/__init__.py": "",
        f"src/{package}/card.md": templates.CARD.format(**card, example=EXAMPLE),
        f"src/{package}/plugin.py": code.format(**words),
        "tests/test_plugin.py": templates.TEST.format(**words),
    }
    return files | ({"sample.txt": templates.SAMPLE} if trains else {})


def _git_author() -> str:
    """Ask git who works here; "" where it does not know or is not there."""
    try:
        told = subprocess.run(
            ["git", "config", "user.name"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return " ".join(told.stdout.split())
