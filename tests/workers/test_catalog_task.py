"""A worker looks at what is installed, and the catalog's rows say so."""

import pytest
from modelmill.catalog.models import Plugin, Release

from tests.processes import FAKES
from workers.tasks.catalog import describe


@pytest.mark.django_db
def test_installed_plugins_become_rows_once(settings) -> None:
    settings.PLUGIN_PATHS = [FAKES]
    assert describe() == describe() > 0
    learner = Plugin.objects.get(pk="fake-learner")
    assert learner.release.manifest["train_schema"]["properties"]["steps"]["default"] == 20
    assert Release.objects.filter(plugin=learner).count() == 1
