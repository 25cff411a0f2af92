"""Which organisation a word on the operator's command line means."""

from difflib import get_close_matches

from django.core.management.base import CommandError

from modelmill.tenants.models import Tenant

# Names to find one like a mistyped one among; a hint is not worth reading more.
_MOST_NAMES = 10_000


def tenant_named(word: str) -> Tenant:
    """Return the tenant of a slug or an id. Raises CommandError, naming one it could be."""
    # Neither has anything else, and what a shell lets through, no database need take.
    if word.isascii() and word.isprintable():
        # The id first: a short name is made of what a customer calls itself, and could be
        # another's id.
        for field in ("pk", "slug"):
            tenant = Tenant.objects.filter(**{field: word}).first()
            if tenant is not None:
                return tenant
    names = list(Tenant.objects.values_list("slug", flat=True)[:_MOST_NAMES])
    alike = get_close_matches(word.lower(), names, n=1)
    hint = f" Did you mean {alike[0]}?" if alike else ""
    raise CommandError(
        f"There is no organisation {word!a}.{hint} "
        "Give its short name or its id; the cockpit's page of organisations shows them."
    )
