"""Accepting an invitation from an e-mail."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from modelmill.core import errors
from modelmill.tenants.models import User
from modelmill.tenants.services import invitation_accept, invitation_open
from modelmill.web.framework import tenant_enter

# The secret waits in the session while its owner signs up and confirms their address.
SESSION_INVITATION = "invitation"


@never_cache
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Show who invites to what, and accept it for the person it was sent to."""
    try:
        found = invitation_open(secret)
        if request.method == "POST" and isinstance(request.user, User):
            member = invitation_accept(secret, user=request.user)
            request.session.pop(SESSION_INVITATION, None)
            tenant_enter(request, member.tenant)
            messages.success(request, _("Welcome to %(name)s.") % {"name": member.tenant.name})
            return redirect("web:home")
    except errors.NotFound as error:
        request.session.pop(SESSION_INVITATION, None)
        return render(request, "web/invitation_gone.html", {"error": error}, status=404)
    is_theirs = isinstance(request.user, User) and request.user.email.lower() == found.email
    if not request.user.is_authenticated:
        request.session[SESSION_INVITATION] = secret
    return render(
        request, "web/invitation.html", {"invitation": found, "secret": secret, "theirs": is_theirs}
    )


routes = [path("invitations/<str:secret>", invitation, name="invitation")]
