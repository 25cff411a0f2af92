"""The dashboard's paths, collected from its page groups."""

from modelmill.web import (
    audit,
    data,
    data_problems,
    home,
    invitations,
    keys,
    landing,
    organisation,
    team,
    welcome,
)

app_name = "web"
urlpatterns = [
    *landing.routes,
    *welcome.routes,
    *invitations.routes,
    *home.routes,
    *data_problems.routes,
    *data.routes,
    *team.routes,
    *keys.routes,
    *audit.routes,
    *organisation.routes,
]
