"""A column beside text or picture and label, from its upload to the accuracy of each group."""

import csv
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.flows.conftest import Customer
from tests.flows.test_every_plugin import trained
from tests.plugins.image_classification.conftest import digit_rows
from tests.plugins.image_classification.small import TRAIN
from tests.plugins.text_classification.small import sentences

pytestmark = [pytest.mark.flow, pytest.mark.training]


def texts_csv() -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["text", "label", "channel"])
    for number, row in enumerate(sentences()):
        writer.writerow([row["text"], row["label"], "shop" if number % 3 else "mill"])
    return out.getvalue().encode()


def pictures_parquet() -> bytes:
    out = io.BytesIO()
    rows = [{**row, "camera": f"gate {n % 2}"} for n, row in enumerate(digit_rows(0, 400))]
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("plugin", "file", "column", "params", "groups"),
    [
        ("text-classification", ("talk.csv", texts_csv), "channel", {"method": "linear"},
         ["mill", "shop"]),
        ("image-classification", ("digits.parquet", pictures_parquet), "camera", TRAIN,
         ["gate 0", "gate 1"]),
    ],
    ids=["texts", "pictures"],
)  # fmt: skip
def test_a_column_of_an_upload_gives_the_accuracy_of_each_group(
    customer: Customer, plugin, file, column, params, groups
) -> None:
    name, content = file
    sent = customer.client.files.create(file=(name, content()), purpose="fine-tune")
    assert customer.client.files.wait_for_processing(sent.id, poll_interval=0.3).status == (
        "processed"
    )
    job = customer.client.fine_tuning.jobs.create(
        model=plugin,
        training_file=sent.id,
        seed=1,
        hyperparameters={**params, "groups": column},
    )
    model = customer.client.get(f"/models/{trained(customer, job.id)}", cast_to=object)
    accuracies = [model["x_metrics"][f"accuracy_of_{group}"] for group in groups]
    assert all(0 < accuracy <= 1 for accuracy in accuracies)
    gap = model["x_metrics"]["group_accuracy_gap"]
    assert gap == pytest.approx(max(accuracies) - min(accuracies))
