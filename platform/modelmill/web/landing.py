"""The front door: what this place is for."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_safe


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """Tell a visitor what they can do here; a person who is logged in goes on to work."""
    if request.user.is_authenticated:
        return redirect("web:home")
    return render(request, "web/landing.html")


routes = [path("", landing, name="landing")]
