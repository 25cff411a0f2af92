"""All paths: the API under /v1, the operator's cockpit, accounts, and the dashboard."""

from django.urls import include, path
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularSwaggerSplitView

from modelmill import doors

urlpatterns = [
    path("healthz", doors.health, name="healthz"),
    path("readyz", doors.readiness, name="readyz"),
    path("v1/", include("modelmill.api.urls")),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api_docs"),
    path("accounts/", include("allauth.account.urls")),
    path("language", set_language, name="set_language"),
    path("", include("modelmill.cockpit.urls")),
    path("", include("modelmill.web.urls")),
]

handler400 = doors.bad_request
handler403 = doors.permission_denied
handler404 = doors.not_found
handler500 = doors.server_error
