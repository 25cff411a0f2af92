"""What is measured of drawn pictures, and what it is called."""

from modelmill_sdk.learning.realism import Realism
from modelmill_sdk.titles import REALISM


def test_every_figure_of_it_has_a_title() -> None:
    names = ("kid", "kid_floor", "fid", "fid_floor", "memorised", "variety")
    figures = dict.fromkeys(names, 0.0)
    found = Realism(**figures, drawn=1, held_out=1)
    assert set(found.metrics()) == set(REALISM)
