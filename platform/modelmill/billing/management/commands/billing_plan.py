"""``billing_plan CODE …``: make or change a plan, and put tenants on it."""

import re
from typing import Any

from django.core.management.base import CommandError, CommandParser

from modelmill.billing import defaults
from modelmill.billing.management.naming import tenant_named
from modelmill.billing.models import Plan
from modelmill.billing.subscriptions import plan_list, subscription_plan_set
from modelmill.core.management.operating import OperatorCommand, text_checked, whole_checked
from modelmill.core.scope import tenant_scope

# What each number may be: as much as its column holds, and of credit no more than floats count.
_NUMBERS = {
    "tier": (-(2**15), 2**15 - 1),
    "share": (1, 2**31 - 1),
    "at_once": (1, 2**31 - 1),
    "welcome_micro": (0, 2**53),
}
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_TITLE_MAX = 100


class Command(OperatorCommand):
    """Say what a plan's tenants may have of the workers."""

    help = "Make or change a plan, and put organisations on it; without options, show the plans."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the plan's code, what to change of it, and who is put on it."""
        parser.add_argument("code", nargs="?", help="the plan's code, as in team")
        parser.add_argument("--title", help="what customers read")
        parser.add_argument("--tier", type=int, help="plans of a higher tier are served first")
        parser.add_argument("--share", type=int, help="of the device time, beside others' shares")
        parser.add_argument("--at-once", type=int, help="jobs that train at the same time")
        parser.add_argument("--welcome-micro", type=int, help="a new organisation's credit")
        parser.add_argument(
            "--tenant",
            action="append",
            default=[],
            help="put this organisation on it, by its short name",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Change what was named, and print every plan."""
        if options["code"]:
            self._change(options)
        elif _is_told_something(options):
            raise CommandError("Name the plan too, as in: billing_plan team --share 2.")
        for plan in plan_list():
            self.stdout.write(
                f"{plan.code}: {plan.title}, tier {plan.tier}, share {plan.share}, "
                f"{plan.at_once} at once"
            )

    def _change(self, options: dict[str, Any]) -> None:
        if options["welcome_micro"] is not None and options["code"] != defaults.PLAN_CODE:
            raise CommandError(
                f"Every new organisation begins on {defaults.PLAN_CODE}: give --welcome-micro "
                "to that plan."
            )
        tenants = [tenant_named(word) for word in options["tenant"]]
        plan = _plan_named(options["code"], is_described=_is_described(options))
        if options["title"] is not None:
            plan.title = text_checked("--title", options["title"], most=_TITLE_MAX)
        for name, (least, most) in _NUMBERS.items():
            if options[name] is not None:
                option = f"--{name.replace('_', '-')}"
                setattr(plan, name, whole_checked(option, options[name], least=least, most=most))
        plan.save()
        for tenant in tenants:
            with tenant_scope(tenant.id):
                subscription_plan_set(tenant, plan=plan)


def _plan_named(code: str, *, is_described: bool) -> Plan:
    """Find a plan, or begin a new one; a mistyped code with nothing said of a plan makes none."""
    if not _CODE.fullmatch(code):
        raise CommandError(
            f"{code!a} is no plan's code: write 1 to 40 of a-z, 0-9, - and _, as in team."
        )
    plan = plan_list().filter(code=code).first()
    if plan is None and not is_described:
        known = ", ".join(plan_list().values_list("code", flat=True))
        raise CommandError(
            f"There is no plan {code!r}; there are: {known}. Give a --title to make a new one."
        )
    return plan or Plan(code=code, title=code.title())


def _is_described(options: dict[str, Any]) -> bool:
    return any(options[name] is not None for name in ("title", *_NUMBERS))


def _is_told_something(options: dict[str, Any]) -> bool:
    return _is_described(options) or bool(options["tenant"])
