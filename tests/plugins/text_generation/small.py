"""A small upload as a customer would make it, and what a short training of it must be able to do.

The text is what the licences of installed packages say: real English that is on every machine.
"""

from importlib.metadata import distributions
from pathlib import Path
from typing import Any

TRAIN: dict[str, Any] = {
    **{"steps": 40, "batch": 8, "context": 64, "tokenizer": "bpe", "vocabulary": 512},
    "sample_prompt": "The software",
}
PREDICT: list[dict[str, Any]] = [
    {"prompt": "The software is"},
    {"messages": [{"role": "user", "content": "What may I do?"}]},
]
_CHARS = 60_000


def dataset_file(folder: Path) -> Path:
    """Write a plain text file of some 60,000 characters."""
    texts: dict[str, str] = {}
    for distribution in sorted(distributions(), key=lambda one: one.metadata["Name"] or ""):
        for file in distribution.files or ():
            if file.name.upper().startswith("LICENSE") and file.suffix in ("", ".txt", ".md"):
                path = Path(str(distribution.locate_file(file)))
                if path.is_file():
                    text = path.read_text(encoding="utf-8", errors="replace")
                    texts.setdefault(text[:200], text)
    path = folder / "licences.txt"
    path.write_text("\n\n".join(texts.values())[:_CHARS], encoding="utf-8")
    return path


def check(results: list[Any]) -> None:
    """Fail unless the prompt is gone on from, and the question answered by a text, long or not."""
    goes_on, answer = results
    assert goes_on.strip()
    assert isinstance(answer, str)
