"""The processor's name, as it stands in a job's manifest."""

from pathlib import Path

import pytest

from workers.supervisor.processor import processor_read


@pytest.mark.parametrize(
    ("listing", "name"),
    [
        (
            "model name\t: Mill 9\nflags\t\t: fpu avx avx2 avx512f\n\nmodel name\t: B\n",
            "Mill 9 AVX512",
        ),
        ("model name\t: Mill 7\nflags\t\t: fpu avx avx2\n", "Mill 7 AVX2"),
        ("processor\t: 0\nFeatures\t: fp asimd\n", "NEON"),
        ("", ""),
    ],
)
def test_it_is_named_with_its_widest_instructions(tmp_path: Path, listing, name) -> None:
    (tmp_path / "cpuinfo").write_text(listing)
    assert processor_read(tmp_path / "cpuinfo") == name


def test_nothing_is_told_where_there_is_no_list(tmp_path: Path) -> None:
    assert processor_read(tmp_path / "cpuinfo") == ""
