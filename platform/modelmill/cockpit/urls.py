"""The cockpit's paths."""

from modelmill.cockpit import overview, plugins, prices, revenue, tenants, workers

app_name = "cockpit"
urlpatterns = [
    *overview.routes,
    *tenants.routes,
    *plugins.routes,
    *workers.routes,
    *prices.routes,
    *revenue.routes,
]
