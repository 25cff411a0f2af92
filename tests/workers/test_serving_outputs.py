"""What is kept of a prediction's results, and what is given back."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from modelmill.core.models import Blob
from modelmill_sdk.protocol import Result
from PIL import Image

from workers.serving.errors import Refused
from workers.serving.outputs import outputs_store
from workers.serving.running import Work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


def picture(folder: Path, index: int, *, is_whole: bool = True, side: int = 4) -> Result:
    path = folder / f"{index}.png"
    Image.new("L" if side > 4 else "RGB", (side, side)).save(path)
    if not is_whole:
        path.write_bytes(path.read_bytes()[:40])
    return Result(request_id="r", index=index, kind="image", path=path)


def asked(count: int) -> SimpleNamespace:
    return SimpleNamespace(inputs=[{}] * count, rendering={})


def test_what_was_ready_before_a_cancel_is_kept_for_it_is_charged(acme, tmp_path) -> None:
    work = Work(results={0: picture(tmp_path, 0)}, texts={1: "half"}, is_cancelled=True)
    with acme.scope():
        kept = outputs_store(asked(3), work)
    assert [output["kind"] for output in kept] == ["image", "text"]
    assert kept[1]["finish_reason"] == "cancelled"


def test_a_broken_picture_leaves_none_of_the_others_behind(acme, tmp_path) -> None:
    work = Work(results={0: picture(tmp_path, 0), 1: picture(tmp_path, 1, is_whole=False)})
    with acme.scope():
        with pytest.raises(Refused):
            outputs_store(asked(2), work)
        assert not Blob.objects.exists()


def test_a_picture_of_more_pixels_than_an_answer_has_is_not_decoded(acme, tmp_path) -> None:
    with acme.scope(), pytest.raises(Refused) as refused:
        outputs_store(asked(1), Work(results={0: picture(tmp_path, 0, side=8_193)}))
    assert refused.value.code == "plugin_error" and "8193x8193" in refused.value.detail


def test_a_result_for_an_input_that_was_not_given_is_left_out(acme, tmp_path) -> None:
    work = Work(results={0: picture(tmp_path, 0), 5: picture(tmp_path, 5)})
    with acme.scope():
        assert len(outputs_store(asked(1), work)) == 1
        assert Blob.objects.count() == 1
