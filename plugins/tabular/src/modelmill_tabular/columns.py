"""What each column means: a number, a category or a date; learned once, stored with the model."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from modelmill_tabular.tables import Floats, Table, Texts, Values, is_missing

Kind = Literal["number", "category", "date"]

# A category beyond these is one of many rare ones, and all rare ones are one.
MOST_CATEGORIES = 254
# A text that is hardly ever the same twice is a name or a sentence, and teaches nothing here.
_UNIQUE_SHARE, _UNIQUE_LEAST = 0.5, 20
_DATES_SHARE = 0.95
# A split holds four of five rows, so the running numbers in it have gaps.
_NUMBERING_REACH = 1.6
_QUANTILES = 200
_DAY_S = 86_400


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column that is learned from."""

    name: str
    kind: Kind
    is_number: bool
    categories: list[str] = field(default_factory=list)
    # Of each number that the column becomes: itself, or a date's day, month and weekday.
    quantiles: list[list[float]] = field(default_factory=list)


def columns_learn(table: Table, *, leave_out: set[str]) -> tuple[list[Column], dict[str, str]]:
    """Give the columns worth learning from, and why each of the others is not."""
    kept, dropped = [], {}
    for name, values in table.columns.items():
        if name in leave_out:
            continue
        found = _learn(name, values, is_whole=name in table.whole)
        if isinstance(found, Column):
            kept.append(found)
        else:
            dropped[name] = found
    return kept, dropped


def numbers_of(column: Column, values: Values) -> Floats:
    """Give a number or date column as floats ``(N, F)``, nothing as NaN; a date has three."""
    if column.kind == "number":
        assert not isinstance(values, Texts)
        return values[:, None]
    assert isinstance(values, Texts)
    parts = np.array([date_parts(word) for word in values.words] or [[np.nan] * 3])
    found: Floats = np.where(values.places[:, None] < 0, np.nan, parts[values.places])
    return found


def date_parts(text: str) -> list[float]:
    """Give days since 1970, month and weekday; NaN for what is no date of ISO 8601."""
    try:
        moment = datetime.fromisoformat(text.strip().replace("/", "-"))
    except ValueError:
        return [np.nan] * 3
    moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    return [moment.timestamp() / _DAY_S, float(moment.month), float(moment.weekday())]


def _learn(name: str, values: Values, *, is_whole: bool) -> Column | str:
    filled = ~is_missing(values)
    count = int(filled.sum())
    if count == 0:
        return "it is empty"
    if isinstance(values, Texts):
        return _learn_texts(name, values, count=count)
    present = values[filled]
    if (present == present[0]).all() and count == len(values):
        return "it always holds the same"
    if is_whole and count > _UNIQUE_LEAST and _is_numbering(present):
        return "it only numbers the rows"
    quantiles = [_quantiles(values)]
    return Column(name=name, kind="number", is_number=True, quantiles=quantiles)


def _is_numbering(present: Floats) -> bool:
    """Whether whole numbers are all different and close together, as a running number's are."""
    reach = present.max() - present.min() + 1
    return len(np.unique(present)) == len(present) and reach <= _NUMBERING_REACH * len(present)


def _learn_texts(name: str, values: Texts, *, count: int) -> Column | str:
    used, counts = np.unique(values.places[values.places >= 0], return_counts=True)
    parts = np.array([date_parts(values.words[place]) for place in used])
    if np.isfinite(parts[:, 0]).mean() >= _DATES_SHARE:
        column = Column(name=name, kind="date", is_number=False)
        numbers = numbers_of(column, values)
        quantiles = [_quantiles(numbers[:, part]) for part in range(numbers.shape[1])]
        return Column(name=name, kind="date", is_number=False, quantiles=quantiles)
    if len(used) > max(_UNIQUE_LEAST, _UNIQUE_SHARE * count):
        return "nearly every row holds another text"
    if len(used) == 1 and count == len(values):
        return "it always holds the same"
    common = used[np.argsort(-counts, kind="stable")][:MOST_CATEGORIES]
    words = sorted(values.words[place] for place in common)
    return Column(name=name, kind="category", is_number=False, categories=words)


def _quantiles(values: Floats) -> list[float]:
    present = values[np.isfinite(values)]
    if not len(present):
        return [0.0]
    count = min(_QUANTILES, len(present))
    found: list[float] = np.quantile(present, np.linspace(0, 1, max(2, count))).tolist()
    return found
