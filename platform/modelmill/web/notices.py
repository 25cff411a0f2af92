"""What a member is told by e-mail: their own choice."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelmill.tenants.models import Member
from modelmill.tenants.selectors import member_of_user
from modelmill.tenants.services import member_job_mail_set
from modelmill.web.framework import PageRequest, tenant_page


class NoticesForm(forms.Form):
    """After which jobs to write."""

    job_mail = forms.ChoiceField(
        label=gettext_lazy("E-mail me about jobs of this organisation"),
        choices=Member.JobMail.choices,
        widget=forms.RadioSelect,
    )


@tenant_page()
def notices(request: PageRequest) -> HttpResponse:
    """Show and change what the member is told by e-mail."""
    member = member_of_user(request.user)
    form = NoticesForm(request.POST or None, initial={"job_mail": member.job_mail})
    if request.method == "POST" and form.is_valid():
        member_job_mail_set(member, job_mail=form.cleaned_data["job_mail"])
        messages.success(request, _("Saved."))
        return redirect("web:notices")
    return render(request, "web/notices.html", {"form": form})


routes = [path("notices", notices, name="notices")]
