"""Texts as words, where a character of Chinese, Japanese or Korean counts as one.

So no dictionary is needed: pairs and triples of characters do what words do elsewhere (Zhang and
LeCun: "Which encoding is the best for text classification in Chinese, English, Japanese and
Korean?", 2017, find n-grams of characters as good as words).
"""

import re
import unicodedata
from collections.abc import Iterable

# Han with its extension A and compatibility forms, kana, and Hangul's syllables.
_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af"
_LETTERS = rf"[^\W{_IDEOGRAPHS}]+"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|{_LETTERS}(?:['’]{_LETTERS})*|[^\w\s]")
_IDEOGRAPH = re.compile(rf"[{_IDEOGRAPHS}]")
_SPACES = re.compile(r"\s+")
# From this share of characters on, a text is read in triples rather than pairs.
_MOSTLY = 0.3


def text_plain(text: str) -> str:
    """Give a text in small letters, full-width forms made plain, each space a single one."""
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text).lower()).strip()


def words_of(text: str) -> list[str]:
    """Give the words of a plain text; marks of punctuation are words, too."""
    return _WORD.findall(text)


def words_join(words: Iterable[str]) -> str:
    """Write words for people: no space between two ideographs."""
    joined = ""
    for word in words:
        is_close = bool(joined) and _IDEOGRAPH.match(word) and _IDEOGRAPH.match(joined[-1])
        joined += word if is_close or not joined else f" {word}"
    return joined


def is_ideographic(words: list[list[str]]) -> bool:
    """Say whether texts are written in ideographs for a good part."""
    marks = sum(1 for text in words for word in text if _IDEOGRAPH.match(word))
    return marks >= _MOSTLY * max(1, sum(map(len, words)))
