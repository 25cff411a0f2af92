"""The routes of /v1, gathered from each resource's own list. No path ends with a slash."""

from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularAPIView

from modelmill.api import (
    chat,
    completions,
    datasets,
    files,
    images,
    invoices,
    outputs,
    predictions,
    prices,
    uploads,
    usage,
    usage_events,
)

routes: list[URLPattern] = [
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    *chat.routes,
    *completions.routes,
    *datasets.routes,
    *files.routes,
    *images.routes,
    *invoices.routes,
    *outputs.routes,
    *predictions.routes,
    *prices.routes,
    *uploads.routes,
    *usage.routes,
    *usage_events.routes,
]

urlpatterns = routes
