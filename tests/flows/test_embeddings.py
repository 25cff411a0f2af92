"""The plugin that does not train: what the operator installed, used by API and by page."""

import math

import pytest

from tests.flows.conftest import Customer

pytestmark = [pytest.mark.flow, pytest.mark.training]


def test_an_installed_encoder_embeds(customer: Customer) -> None:
    client = customer.client
    assert "embeddings:tiny" in {model.id for model in client.models.list()}
    texts = ["corn", "corn", "the mill turns by the river"]
    # One encoder is installed, so the plugin's name is enough.
    answer = client.embeddings.create(model="embeddings", input=texts)
    first, same, other = (row.embedding for row in answer.data)
    assert answer.model == "embeddings:tiny" and len(first) == 16
    assert first == pytest.approx(same, abs=1e-5) and first != pytest.approx(other, abs=1e-3)
    assert math.hypot(*other) == pytest.approx(1, abs=1e-5)
    assert answer.usage.total_tokens == 2 * 6 + len(texts[2]) + 2
    page = customer.visitor.page("/plugins/embeddings")
    assert "embeddings:tiny" in page and "16 dimensions" in page
