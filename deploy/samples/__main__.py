"""``python -m deploy.samples NAME …``: make the samples of these plugins anew, and show where."""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import django

# The examples are the platform's.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "modelmill.settings")
django.setup()

from deploy.samples import sheets, texts  # noqa: E402

MAKERS: dict[str, Callable[[Path], list[Path]]] = {
    "embeddings": texts.embeddings_make,
    "image_classification": sheets.classification_make,
    "image_vae": sheets.vae_make,
    "recommendation": texts.recommendation_make,
    "tabular": texts.tabular_make,
    "text_classification": texts.classification_make,
}


def main() -> None:
    """Make what was asked for, one plugin after the other."""
    parser = argparse.ArgumentParser(prog="python -m deploy.samples", description=__doc__)
    parser.add_argument("names", nargs="+", choices=sorted(MAKERS), metavar="NAME")
    for name in parser.parse_args().names:
        with tempfile.TemporaryDirectory(prefix="mill-samples-") as folder:
            for path in MAKERS[name](Path(folder)):
                print(path)


if __name__ == "__main__":
    main()
