"""The cockpit's paths."""

from modelmill.cockpit import overview, tenants

app_name = "cockpit"
urlpatterns = [*overview.routes, *tenants.routes]
