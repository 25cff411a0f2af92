"""The routes of /v1, gathered from each resource's own list. No path ends with a slash."""

from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularAPIView

from modelmill.api import (
    chat,
    completions,
    datasets,
    embeddings,
    files,
    fine_tuning,
    fine_tuning_checkpoints,
    fine_tuning_comparison,
    fine_tuning_events,
    fine_tuning_metrics,
    images,
    invoices,
    model_files,
    outputs,
    plugins,
    predictions,
    prices,
    searches,
    trained_models,
    uploads,
    usage,
    usage_events,
    webhook_endpoints,
)

routes: list[URLPattern] = [
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    *chat.routes,
    *completions.routes,
    *embeddings.routes,
    *datasets.routes,
    *files.routes,
    *fine_tuning.routes,
    *fine_tuning_checkpoints.routes,
    *fine_tuning_comparison.routes,
    *fine_tuning_events.routes,
    *fine_tuning_metrics.routes,
    *images.routes,
    *invoices.routes,
    *model_files.routes,
    *outputs.routes,
    *plugins.routes,
    *predictions.routes,
    *prices.routes,
    *searches.routes,
    *trained_models.routes,
    *uploads.routes,
    *usage.routes,
    *usage_events.routes,
    *webhook_endpoints.routes,
]

urlpatterns = routes
