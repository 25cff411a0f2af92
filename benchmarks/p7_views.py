"""The views that P7 compares: one answer, reached with more and more of what an API must do."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db.models import Count, Sum
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import clear_url_caches, path
from django.utils import timezone
from modelmill import urls
from modelmill.api.framework.metered import METER
from modelmill.api.framework.views import TenantView
from modelmill.billing.affording import use_afford
from modelmill.billing.books import book_publish
from modelmill.billing.defaults import RATES
from modelmill.billing.rating import Rate
from modelmill.billing.services import subscription_ensure
from modelmill.core.errors import NotAuthenticated
from modelmill.core.ids import new_id
from modelmill.core.scope import system_scope, tenant_scope
from modelmill.metering.counting import usage_flush
from modelmill.metering.models import UsageEvent
from modelmill.tenants.callers import caller_system
from modelmill.tenants.keys import key_sha256
from modelmill.tenants.models import ApiKey, User
from modelmill.tenants.services import api_key_create, tenant_create
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

_ANSWER = {"ok": True}


class Bare(APIView):
    """No key, no tenant, no usage."""

    authentication_classes = ()

    def get(self, request: Request) -> Response:
        """Answer."""
        return Response(_ANSWER)


class Textbook(APIView):
    """What a tutorial shows: look the key up, INSERT a row of usage, in each request."""

    authentication_classes = ()

    def get(self, request: Request) -> Response:
        """Answer after one SELECT, one UPDATE and one INSERT."""
        secret = request.headers["Authorization"].removeprefix("Bearer ")
        with system_scope("the benchmark's textbook arm"):
            key = ApiKey.objects.select_related("tenant").filter(secret_sha256=key_sha256(secret))
            found = key.first()
            if found is None:
                raise NotAuthenticated("unknown key")
            found.last_used_at = timezone.now()
            found.save(update_fields=["last_used_at"])
            UsageEvent.objects.create(
                tenant=found.tenant,
                **_usage(found.id),
                payload_sha256="0" * 64,
                accounted_at=timezone.now(),
            )
        return Response(_ANSWER)


class WithKey(TenantView):
    """Ours: the key from the cache, the tenant's scope, the permission."""

    permissions = {"GET": "infer"}

    def get(self, request: Request) -> Response:
        """Answer."""
        return Response(_ANSWER)


class WithQuota(WithKey):
    """Ours, and the tenant must be able to pay for the request."""

    def get(self, request: Request) -> Response:
        """Answer who can pay."""
        use_afford(tenant_id=self.caller.tenant.id, meter=METER)
        return Response(_ANSWER)


_VIEWS = {
    "bare": Bare.as_view(),
    "textbook": Textbook.as_view(),
    "key": WithKey.as_view(),
    "quota": WithQuota.as_view(),
}


def arms_install() -> str:
    """Add the arms' path, a price, and a tenant with a key and with credit; return the key."""
    # One path for all: a later one would pay for those that were tried before it.
    urls.urlpatterns += [path("bench/<str:arm>", _serve)]
    clear_url_caches()
    settings.USAGE_FLUSH_S = 0.0
    rates = {**RATES, (METER, ""): Rate(amount_micro=1, per=1_000, title="per thousand")}
    book_publish(rates, effective_from=timezone.now())
    tenant = tenant_create("Bench", owner=User.objects.create_user("bench@example.com"))
    with tenant_scope(tenant.id):
        subscription_ensure(tenant)
        return api_key_create("bench", caller=caller_system(tenant), scopes=["infer"])[1]


def whole(run: Callable[[], float], count: int) -> Callable[[], float]:
    """Make an arm of ours whole: requests are counted, and brought to the ledger in its time."""

    def metered() -> float:
        settings.API_REQUESTS_METERED = True
        try:
            rate = run()
        finally:
            settings.API_REQUESTS_METERED = False
        started = time.perf_counter()
        usage_flush()
        return count / (count / rate + time.perf_counter() - started)

    return metered


def usage_expected(count: int) -> None:
    """Fail unless every request of both arms that meter is in the ledger, once."""
    with system_scope("the benchmark counts its own rows"):
        textbook = UsageEvent.objects.filter(source="textbook").aggregate(Sum("qty"))["qty__sum"]
        ours = UsageEvent.objects.filter(meter=METER, api_key_id__gt="").exclude(source="textbook")
        grouped = ours.aggregate(Sum("qty"), Count("id"))
    found = (textbook, grouped["qty__sum"])
    assert found == (count, count), (found, count)
    print(f"2 × {count} metered requests are in the ledger, ours as {grouped['id__count']} events")


def _serve(request: HttpRequest, arm: str) -> HttpResponseBase:
    return _VIEWS[arm](request)


def _usage(key_id: str) -> dict[str, Any]:
    return {
        "source": "textbook",
        "event_id": new_id("req"),
        "meter": METER,
        "qty": 1,
        "occurred_at": timezone.now(),
        "api_key_id": key_id,
    }
