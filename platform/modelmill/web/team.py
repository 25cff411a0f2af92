"""The team: who is in the tenant, who is invited, and what each may do."""

from smtplib import SMTPException

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.mail import send_mail
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelmill.core import errors
from modelmill.tenants.models import Invitation
from modelmill.tenants.permissions import Role
from modelmill.tenants.selectors import (
    access_invitation,
    access_member,
    invitation_list,
    member_list,
)
from modelmill.tenants.services import (
    invitation_cancel,
    member_invite,
    member_remove,
    member_role_set,
)
from modelmill.web.framework import PageRequest, tenant_page


class InviteForm(forms.Form):
    """Who to invite, as what."""

    email = forms.EmailField(label=gettext_lazy("E-mail address"))
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices, initial=Role.MEMBER)


@tenant_page(write="members:write")
def team(request: PageRequest) -> HttpResponse:
    """List the team; a form sent here invites somebody."""
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _invite(request, form):
        return redirect("web:team")
    context = {
        "members": member_list(),
        "invitations": invitation_list(),
        "form": form,
        "roles": Role.choices,
        "may_change": request.caller.may("members:write"),
    }
    return render(request, "web/team.html", context)


@tenant_page(write="members:write")
def member_role(request: PageRequest, member_id: int) -> HttpResponse:
    """Change somebody's role."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        member = access_member(member_id)
        member_role_set(member, role=request.POST.get("role", ""), caller=request.caller)
    except (errors.Conflict, errors.InvalidRequest) as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The role of %(who)s is changed.") % {"who": member.user.email})
    return redirect("web:team")


@tenant_page(write="members:write")
def member_leave(request: PageRequest, member_id: int) -> HttpResponse:
    """Take somebody's place away."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        member = access_member(member_id)
        member_remove(member, caller=request.caller)
    except errors.Conflict as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("%(who)s is no longer a member.") % {"who": member.user.email})
    return redirect("web:team")


@tenant_page(write="members:write")
def invitation_withdraw(request: PageRequest, invitation_id: str) -> HttpResponse:
    """Take an invitation back."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    invitation = access_invitation(invitation_id)
    invitation_cancel(invitation, caller=request.caller)
    messages.success(
        request, _("The invitation of %(who)s is withdrawn.") % {"who": invitation.email}
    )
    return redirect("web:team")


def _invite(request: PageRequest, form: InviteForm) -> bool:
    try:
        invitation, secret = member_invite(
            form.cleaned_data["email"], role=form.cleaned_data["role"], caller=request.caller
        )
    except (errors.Conflict, errors.InvalidRequest) as error:
        form.add_error(error.param if error.param in form.fields else None, error.message)
        return False
    try:
        _send(invitation, secret=secret, request=request)
    except (SMTPException, OSError):
        messages.error(request, _("The e-mail could not be sent. Please invite them again later."))
    else:
        messages.success(
            request, _("An invitation is on its way to %(who)s.") % {"who": invitation.email}
        )
    return True


def _send(invitation: Invitation, *, secret: str, request: PageRequest) -> None:
    tenant = request.caller.tenant
    context = {
        "tenant": tenant.name,
        "inviter": request.caller.actor,
        "role": invitation.role,
        "operator": settings.OPERATOR_NAME,
        "expires_at": invitation.expires_at,
        "url": settings.PUBLIC_URL + reverse("web:invitation", args=[secret]),
    }
    # We do not know the guest's language; their future tenant's is the best guess.
    with translation.override(tenant.language):
        subject = render_to_string("web/email/invitation_subject.txt", context).strip()
        body = render_to_string("web/email/invitation_message.txt", context)
    send_mail(subject, body, None, [invitation.email])


routes = [
    path("team", team, name="team"),
    path("team/<int:member_id>/role", member_role, name="member_role"),
    path("team/<int:member_id>/remove", member_leave, name="member_remove"),
    path(
        "team/invitations/<str:invitation_id>/withdraw",
        invitation_withdraw,
        name="invitation_withdraw",
    ),
]
