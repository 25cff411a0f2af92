"""``billing_plan CODE …``: make or change a plan, and put tenants on it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, transaction

from modelmill.billing.management.tenants import tenant_named
from modelmill.billing.models import Plan
from modelmill.billing.subscriptions import plan_list, subscription_plan_set
from modelmill.core.scope import tenant_scope

_NUMBERS = ("tier", "share", "at_once", "welcome_micro")


class Command(BaseCommand):
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
        for plan in plan_list():
            self.stdout.write(
                f"{plan.code}: {plan.title}, tier {plan.tier}, share {plan.share}, "
                f"{plan.at_once} at once"
            )

    def _change(self, options: dict[str, Any]) -> None:
        code = options["code"]
        tenants = [tenant_named(slug) for slug in options["tenant"]]
        plan = plan_list().filter(code=code).first() or Plan(code=code, title=code.title())
        plan.title = options["title"] or plan.title
        for name in _NUMBERS:
            if options[name] is not None:
                setattr(plan, name, options[name])
        try:
            with transaction.atomic():
                plan.save()
        except IntegrityError as error:
            raise CommandError("A share, and jobs at once, are 1 or more.") from error
        for tenant in tenants:
            with tenant_scope(tenant.id):
                subscription_plan_set(tenant, plan=plan)
