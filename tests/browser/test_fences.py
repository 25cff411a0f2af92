"""The operator looks at the fences around plugins in a real browser."""

from collections.abc import Callable
from typing import Any

from modelmill.tenants.models import User
from modelmill.training.services import worker_report
from playwright.sync_api import Page

from tests.browser.test_shell import is_narrow
from tests.conftest import Place
from workers.hosts import fences_seen, fences_try
from workers.isolation import levels_used

_OPEN = """addEventListener("DOMContentLoaded", () =>
  document.querySelectorAll("main details").forEach(one => { one.open = true }))"""


def test_the_operator_sees_which_fences_stand_and_why_others_do_not(
    acme: Place,
    sign_in: Callable[..., Page],
    check_access: Callable[[Page], None],
    shoot: Callable[..., None],
    settings: Any,
) -> None:
    settings.PLUGINS_L2 = ["gan-faces"]
    for isolation in levels_used():
        fences_try(isolation)
    old = {**fences_seen()["L1"], "signals": "off: the kernel's Landlock is too old for it"}
    old["user"] = "off: only root can start a process as another user"
    worker_report("mill-1:4021", queue="train", device="CPU, 8 cores", fences=fences_seen())
    worker_report("mill-2:1187", queue="infer", device="CPU, 8 cores", fences={"L1": old})
    User.objects.filter(pk=acme.owner.pk).update(is_staff=True)
    page = sign_in(acme)
    page.goto("/cockpit/workers")
    for summary in page.locator("summary").all():
        summary.click()

    assert page.get_by_text("Number of processes").first.is_visible()
    assert page.get_by_text("too old for it").is_visible()
    assert is_narrow(page)
    check_access(page)
    # A reload, as when the language changes, would close them again.
    page.add_init_script(_OPEN)
    shoot(page, "cockpit-fences")
