"""The worker's entry: ``celery -A workers.celery worker -Q control``.

Imports every module of ``workers.tasks``. A module that has something to do
regularly says so in ``EVERY_S``, a dict of task name to seconds, and the beat
(``celery -A workers.celery beat``) rings it.
"""

import os
from importlib import import_module
from pkgutil import iter_modules

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "modelmill.settings")
django.setup()

from modelmill.core.doorbell import app  # noqa: E402

import workers.tasks  # noqa: E402
from workers.lifecycle import lifecycle_connect  # noqa: E402

app.set_default()

_CLOCKS_APART_S = 7200.0


def _tasks_register() -> None:
    """Import the task modules and gather their schedules."""
    schedule = {}
    for module in iter_modules(workers.tasks.__path__, "workers.tasks."):
        every_s: dict[str, float] = getattr(import_module(module.name), "EVERY_S", {})
        for name, seconds in every_s.items():
            # A ring nobody answered in time is worthless: the next one says the same. But whether
            # it is in time the worker judges by its own clock, which may be an hour off.
            options = {"expires": _CLOCKS_APART_S + seconds}
            schedule[name] = {"task": name, "schedule": seconds, "options": options}
    app.conf.beat_schedule = schedule


_tasks_register()
lifecycle_connect(app)
