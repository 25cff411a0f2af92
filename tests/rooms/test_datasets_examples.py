"""The example files are what they are called: each passes the check as its own kind."""

import io

import pytest
from modelmill.core.errors import NotFound
from modelmill.datasets.examples import example_make
from modelmill.datasets.models import Kind
from modelmill.datasets.selectors import version_for
from modelmill.datasets.services import file_create, version_validate


@pytest.mark.parametrize("kind", Kind.values)
def test_an_example_is_accepted_whole_as_its_kind(kind: str, acme) -> None:
    name, content = example_make(kind)
    assert (name, content) == example_make(kind)
    with acme.scope():
        file = file_create(
            io.BytesIO(content), filename=name, purpose="fine-tune", caller=acme.caller
        )
        version_validate(version_for(file.id).id)
        version = version_for(file.id)
        assert (version.state, version.kind) == ("ready", kind), version.error_message
        assert version.row_count >= 20
        assert version.problem_count == 0


def test_there_is_no_example_of_what_is_no_kind() -> None:
    with pytest.raises(NotFound):
        example_make("grain")
