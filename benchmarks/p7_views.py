"""The views that P7 compares: one answer, reached with more and more of what an API must do."""

from typing import Any

from django.urls import clear_url_caches, path
from django.utils import timezone
from modelmill import urls
from modelmill.api.framework.views import TenantView
from modelmill.billing.models import Balance
from modelmill.billing.services import subscription_ensure
from modelmill.core.errors import NotAuthenticated, QuotaExceeded
from modelmill.core.ids import new_id
from modelmill.core.scope import system_scope, tenant_scope
from modelmill.metering.models import UsageEvent
from modelmill.metering.services import usage_record
from modelmill.tenants.callers import caller_system
from modelmill.tenants.keys import key_sha256
from modelmill.tenants.models import ApiKey, User
from modelmill.tenants.services import api_key_create, tenant_create
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

_ANSWER = {"ok": True}
METERED_ARMS = 2


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
                **_usage("textbook", found.id),
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
    """Ours, and there must be money left."""

    def get(self, request: Request) -> Response:
        """Answer after reading the tenant's balance."""
        wallet_micro = Balance.objects.values_list("wallet_micro", flat=True).get()
        if wallet_micro <= 0:
            raise QuotaExceeded("No credit is left.")
        return Response(_ANSWER)


class Metered(WithQuota):
    """Ours, whole: the usage is durable before the answer leaves."""

    def get(self, request: Request) -> Response:
        """Answer after recording the request in the ledger."""
        answer = super().get(request)
        usage_record(tenant_id=self.caller.tenant.id, **_usage("metered", self.caller.api_key_id))
        return answer


def arms_install() -> str:
    """Add the arms' paths and a tenant with a key; return the key."""
    urls.urlpatterns += [
        path(f"bench/{name}", view.as_view())
        for name, view in (
            ("bare", Bare),
            ("textbook", Textbook),
            ("key", WithKey),
            ("quota", WithQuota),
            ("metered", Metered),
        )
    ]
    clear_url_caches()
    tenant = tenant_create("Bench", owner=User.objects.create_user("bench@example.com"))
    with tenant_scope(tenant.id):
        subscription_ensure(tenant)
        return api_key_create("bench", caller=caller_system(tenant), scopes=["infer"])[1]


def rows_expected(count: int) -> None:
    """Fail unless every metered request left its one row."""
    with system_scope("the benchmark counts its own rows"):
        found = UsageEvent.objects.count()
    assert found == METERED_ARMS * count, (found, METERED_ARMS * count)
    print(f"{found} usage events for {METERED_ARMS} × {count} metered requests: none lost")


def _usage(source: str, key_id: str) -> dict[str, Any]:
    return {
        "source": source,
        "event_id": new_id("req"),
        "meter": "requests",
        "qty": 1,
        "occurred_at": timezone.now(),
        "api_key_id": key_id,
    }
