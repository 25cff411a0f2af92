"""The reference page for plugin authors, made from signatures and docstrings.

``python -m deploy.reference`` writes docs/plugin-reference.md; a test fails when it is stale.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from modelmill_sdk import learning
from modelmill_sdk.errors import CustomerError
from modelmill_sdk.testing.recording import Recorder

PAGE = Path(__file__).resolve().parents[1] / "docs" / "plugin-reference.md"

# Each module whose `__all__`, or whose named things, an author may use.
MODULES: dict[str, tuple[str, ...]] = {
    "modelmill_sdk": (),
    "modelmill_sdk.data": ("TrainData",),
    "modelmill_sdk.bases": (
        "base_names",
        "base_folders",
        "base_folder",
        "base_json",
        "base_refusal",
        "bases_left_out",
        "bases_offered",
        "reads_text",
        "base_needed",
    ),
    "modelmill_sdk.testing": (),
    **{
        f"modelmill_sdk.learning.{module.name}": ()
        for module in pkgutil.iter_modules(learning.__path__)
    },
}

# Whose constructors an author calls; the host makes the others.
_MADE_BY_AUTHORS = (CustomerError, Recorder)

_HEAD = """\
# Reference for plugin authors

Made from the code by `make reference`; [the tutorial](plugin-authors.md) says how it goes together.
"""


def page_make() -> str:
    """Give the page. Raises ValueError for a public name without a docstring."""
    parts = [_HEAD]
    for module_name, names in MODULES.items():
        module = importlib.import_module(module_name)
        parts.append(f"\n## `{module_name}`\n")
        for name in names or public_names(module):
            parts.append(_thing(name, getattr(module, name)))
    return "".join([*parts, _commands(), _checks()])


def main() -> None:
    """Write the page."""
    PAGE.write_text(page_make(), encoding="utf-8")


def public_names(module: ModuleType) -> list[str]:
    """List what a module offers: its ``__all__``, or the functions and classes it defines."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__, key=_order)
    return [
        name
        for name, thing in vars(module).items()
        if inspect.isclass(thing) or isinstance(thing, FunctionType)
        if not name.startswith("_") and thing.__module__ == module.__name__
    ]


def _order(name: str) -> tuple[bool, str]:
    """Plugin first, then by letter."""
    return (name != "Plugin", name.lower())


def _thing(name: str, thing: Any) -> str:
    if inspect.isclass(thing):
        return _class(name, thing)
    if isinstance(thing, FunctionType):
        return f"\n### `{name}{_signature(thing)}`\n\n{_words(name, thing)}\n"
    return f"\n### `{name}`\n\n{_attribute(name)}\n"


def _class(name: str, thing: type) -> str:
    is_made = thing.__module__.startswith(learning.__name__) or thing in _MADE_BY_AUTHORS
    made = _signature(thing).partition(" -> ")[0] if is_made else ""
    lines = [f"\n### class `{name}{made}`\n\n{_words(name, thing)}\n"]
    declared = _declared(thing)
    if declared:
        lines.append("\n| attribute | type | default |\n|---|---|---|\n")
        lines += [f"| `{key}` | `{kind}` | {default} |\n" for key, kind, default in declared]
    for key, member in _members(thing):
        said = _words(f"{name}.{key}", member)
        call = "" if isinstance(member, property) else _signature(_function(member))
        lines.append(f"\n- **`{key}{call}`** {_indented(said)}\n")
    return "".join(lines)


def _declared(thing: type) -> list[tuple[str, str, str]]:
    if issubclass(thing, BaseException) or "__annotations__" not in vars(thing):
        return []
    found = []
    for key, kind in vars(thing)["__annotations__"].items():
        if key.startswith("_") or key == "model_config":
            continue
        text = re.sub(r"^ClassVar\[(.*)\]$", r"\1", str(kind)).replace("|", "\\|")
        found.append((key, text, _default(thing, key)))
    return found


def _default(thing: type, key: str) -> str:
    value = vars(thing).get(key, inspect.Parameter.empty)
    if value is inspect.Parameter.empty:
        return "" if key not in getattr(thing, "__dataclass_fields__", {}) else _factory(thing, key)
    return f"`{getattr(value, '__name__', repr(value))}`"


def _factory(thing: type, key: str) -> str:
    factory = vars(thing)["__dataclass_fields__"][key].default_factory
    return f"`{factory()!r}`" if callable(factory) else ""


def _members(thing: type) -> Iterator[tuple[str, Any]]:
    for key, member in vars(thing).items():
        is_call = isinstance(member, FunctionType | property | classmethod | staticmethod)
        if is_call and not key.startswith("_"):
            yield key, member


def _function(member: Any) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(member, "__func__", member)
    return function


def _signature(function: Callable[..., Any]) -> str:
    signature = re.sub(r"<class '([^']+)'>", r"\1", str(inspect.signature(function)))
    signature = re.sub(r"\(self(, )?", "(", signature)
    return re.sub(r"\b(collections\.abc|typing|pathlib|modelmill_sdk(\.\w+)+)\.", "", signature)


def _words(name: str, thing: Any) -> str:
    said = inspect.getdoc(thing) or ""
    if not said:
        raise ValueError(f"{name} is public and has no docstring.")
    return said.replace("``", "`")


def _attribute(name: str) -> str:
    words = {"hookimpl": "The decorator of `register_models(register)`, a plugin's only hook."}
    if name not in words:
        raise ValueError(f"{name} is public and has no words.")
    return words[name]


def _indented(text: str) -> str:
    first, *rest = text.splitlines()
    return "\n".join([first, *(f"  {line}" if line else "" for line in rest)])


def _commands() -> str:
    from modelmill_sdk.tools.__main__ import helps

    lines = ["\n## The command `mill-plugin`\n"]
    for name, text in helps(width=90).items():
        lines.append(f"\n### `mill-plugin {name}`\n\n```\n{text.strip()}\n```\n")
    return "".join(lines)


def _checks() -> str:
    from modelmill_sdk.conformance.checks import PROMISES

    lines = ["\n## The checks of `mill-plugin check`\n\n| check | promise | fix |\n|---|---|---|\n"]
    for promise in PROMISES:
        said = " ".join(_words(promise.id, promise).split())
        lines.append(f"| `{promise.id}` | {said} | {promise.fix.replace('|', chr(92) + '|')} |\n")
    return "".join(lines)


if __name__ == "__main__":
    main()
