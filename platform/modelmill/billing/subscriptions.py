"""A tenant's contract, made at the first need of it."""

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Q, QuerySet
from django.db.models.functions import Now

from modelmill.billing import defaults
from modelmill.billing.books import book_current
from modelmill.billing.journal import Move, balance_lock, journal_post
from modelmill.billing.models import Balance, BookChange, BookGrant, Plan, Subscription
from modelmill.billing.models.money import Account
from modelmill.metering.rolling import hour_of
from modelmill.tenants.models import Tenant
from modelmill.tenants.selectors import tenant_is_first


def subscription_ensure(tenant: Tenant) -> Subscription:
    """Return the tenant's subscription; the first call makes it, with its welcome credit."""
    return subscription_for(tenant.id)


def subscription_for(tenant_id: str) -> Subscription:
    """Return the tenant's subscription, made now if need be. One query when it exists."""
    rows = Subscription.objects.select_related("plan", "book")
    found = rows.filter(tenant_id=tenant_id).first()
    return found or _create(tenant_id)


def plan_codes() -> QuerySet[Plan, str]:
    """Return the code of the plan that the tenant in scope is on, or will be on, as a query."""
    subscribed = Subscription.objects.all()
    is_its_plan = Q(code__in=subscribed.values("plan_id"))
    is_to_come = Q(code=defaults.PLAN_CODE) & ~Exists(subscribed)
    return Plan.objects.filter(is_its_plan | is_to_come).values_list("code", flat=True)


def subscription_plan_set(tenant: Tenant, *, plan: Plan) -> Subscription:
    """Put a tenant on a plan from now on; it keeps its price book and its credit."""
    subscription = subscription_for(tenant.id)
    subscription.plan = plan
    subscription.save(update_fields=["plan"])
    return subscription


def plan_list() -> QuerySet[Plan]:
    """Return every plan, for the operator; the one that new tenants get is always there."""
    _plan_default()
    return Plan.objects.order_by("title")


def welcome_micro(known: Plan | None = None) -> int:
    """Return the credit that a new organisation begins with.

    MODELMILL_WELCOME_CREDIT says it, or else the plan that every new organisation gets: no query
    where ``known``, a plan that was read already, is that one.
    """
    told: int | None = settings.WELCOME_MICRO
    if told is not None:
        return told
    plan = known if known and known.code == defaults.PLAN_CODE else _plan_default()
    return plan.welcome_micro


def _plan_default() -> Plan:
    return Plan.objects.get_or_create(
        code=defaults.PLAN_CODE,
        defaults={"title": defaults.PLAN_TITLE, "welcome_micro": defaults.WELCOME_MICRO},
    )[0]


def _create(tenant_id: str) -> Subscription:
    plan, book = _plan_default(), book_current()
    with transaction.atomic():
        start = hour_of(Tenant.objects.get(pk=tenant_id).created_at)
        subscription, is_new = Subscription.objects.get_or_create(
            tenant_id=tenant_id,
            defaults={"plan": plan, "book": book, "started_at": start, "period_start": start},
        )
        if is_new:
            Balance.objects.create(tenant_id=tenant_id)
            _grants_take(subscription)
        # Once a person, not once a tenant: else a second name would be worth a second credit.
        if is_new and tenant_is_first(tenant_id):
            journal_post(
                balance_lock(tenant_id),
                key="welcome",
                moves=[Move(Account.PROMOTION, Account.WALLET, welcome_micro(plan))],
                subject=subscription.id,
            )
    return subscription


def _grants_take(subscription: Subscription) -> None:
    """Plan for a new subscription what every tenant was given.

    Not what was given before its own book held, unless that is a later book still.
    """
    book = subscription.book
    changes = BookChange.objects.bulk_create(
        BookChange(
            tenant_id=subscription.tenant_id,
            subscription=subscription,
            book=grant.book,
            starts_at=grant.starts_at,
        )
        for grant in BookGrant.objects.select_related("book").filter(
            starts_at__gt=Now(), book__currency=book.currency
        )
        if grant.book_id != book.pk
        and book.effective_from <= max(grant.book.effective_from, grant.created_at)
    )
    if changes:
        subscription.has_changes = True
        subscription.save(update_fields=["has_changes"])
