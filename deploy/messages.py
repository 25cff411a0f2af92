"""Keep the Chinese catalogue: ``update`` adds new texts, ``compile`` builds what Django reads.

``make messages`` does the first after you wrote a text (then fill in what it names); the build
does the second, without the gettext programs.
"""

import sys
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages import extract
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[1]
PO = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
HEADER = b"""# Simplified Chinese for every text of the platform; see deploy/messages.py.
msgid ""
msgstr ""
"Language: zh_Hans\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

"""
KEYWORDS = {
    **extract.DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
}


def messages_extract() -> Catalog:
    """Return every text in our templates and code, without translations."""
    found = Catalog()
    for path in _sources():
        source = path.read_text("utf-8")
        if path.suffix != ".py":
            # Django's own rewriting of a template into calls; indentation would confuse Python.
            source = "\n".join(line.lstrip() for line in templatize(source).splitlines())
        texts = extract.extract("python", BytesIO(source.encode()), KEYWORDS)
        for _line, text, _comments, context in texts:
            found.add(text, context=context)
    return found


def catalogue_read() -> Catalog:
    """Return the committed Chinese catalogue."""
    with PO.open("rb") as stream:
        return read_po(stream, locale="zh_Hans")


def catalogue_update() -> list[str]:
    """Write new texts into the catalogue and drop those gone; return what lacks a translation."""
    catalogue = catalogue_read() if PO.exists() else Catalog(locale="zh_Hans", charset="utf-8")
    catalogue.update(messages_extract(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue_write(catalogue)
    return [str(message.id) for message in catalogue if message.id and not _is_done(message.string)]


def catalogue_write(catalogue: Catalog) -> None:
    """Write the catalogue sorted, without dates or places: two people seldom meet in it."""
    stream = BytesIO()
    write_po(stream, catalogue, width=100, no_location=True, sort_output=True, omit_header=True)
    PO.parent.mkdir(parents=True, exist_ok=True)
    PO.write_bytes(HEADER + stream.getvalue())


def catalogue_compile() -> Path:
    """Build the binary catalogue if the text is newer; safe in several processes at once."""
    mo = PO.with_suffix(".mo")
    if mo.exists() and mo.stat().st_mtime >= PO.stat().st_mtime:
        return mo
    with tempfile.NamedTemporaryFile(dir=mo.parent, delete=False) as stream:
        write_mo(stream, catalogue_read())
    Path(stream.name).chmod(0o644)
    return Path(stream.name).replace(mo)


def _sources() -> Iterator[Path]:
    python = ("*.py",)
    folders = {"templates": ("*.html", "*.txt"), "platform": python, "workers": python}
    for folder, patterns in folders.items():
        for pattern in patterns:
            yield from sorted((ROOT / folder).rglob(pattern))


def _is_done(string: Any) -> bool:
    return bool(string) and all(string)


if __name__ == "__main__":
    if sys.argv[1:] == ["update"]:
        for text in catalogue_update():
            print(f"needs a translation: {text!r}")
    elif sys.argv[1:] == ["compile"]:
        print(f"compiled {catalogue_compile().relative_to(ROOT)}")
    else:
        sys.exit(__doc__)
