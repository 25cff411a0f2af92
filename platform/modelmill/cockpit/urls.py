"""The cockpit's paths."""

from modelmill.cockpit import overview, plugins, tenants

app_name = "cockpit"
urlpatterns = [*overview.routes, *tenants.routes, *plugins.routes]
