"""Tenants, members, invitations and API keys."""

from datetime import timedelta

import pytest
from django.utils import timezone
from modelmill.core.errors import Conflict, InvalidRequest, NotAuthenticated, NotFound
from modelmill.core.scope import system_scope
from modelmill.tenants import keys, services
from modelmill.tenants.models import ApiKey, Invitation, Member, Tenant, User
from modelmill.tenants.permissions import Role


def test_two_tenants_of_one_name_get_different_slugs(acme) -> None:
    other = services.tenant_create("Acme", owner=acme.owner)
    assert other.slug != acme.tenant.slug


def test_a_key_is_stored_only_as_a_hash(acme) -> None:
    with acme.scope():
        row = ApiKey.objects.get()
    assert acme.key not in str(row.__dict__)
    assert keys.caller_for_key(acme.key).tenant == acme.tenant


def test_a_mistyped_key_costs_no_query(acme, django_assert_num_queries) -> None:
    wrong = acme.key[:-1] + ("0" if acme.key[-1] != "0" else "1")
    with django_assert_num_queries(0), pytest.raises(NotAuthenticated):
        keys.caller_for_key(wrong)


def test_a_known_key_costs_no_query(acme, django_assert_num_queries) -> None:
    keys.caller_for_key(acme.key)
    with django_assert_num_queries(0):
        keys.caller_for_key(acme.key)


def test_a_revoked_key_opens_nothing(acme) -> None:
    with acme.scope():
        services.api_key_revoke(ApiKey.objects.get(), caller=acme.caller)
    with pytest.raises(NotAuthenticated):
        keys.caller_for_key(acme.key)


def test_an_expired_key_opens_nothing(acme) -> None:
    with acme.scope():
        ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotAuthenticated) as refused:
        keys.caller_for_key(acme.key)
    assert refused.value.code == "expired_api_key"


def test_a_suspended_tenants_key_opens_nothing(acme) -> None:
    services.tenant_state_set(acme.tenant, state=Tenant.State.SUSPENDED, actor="operator")
    with pytest.raises(NotAuthenticated) as refused:
        keys.caller_for_key(acme.key)
    assert refused.value.code == "tenant_suspended"


@pytest.mark.parametrize("scopes", [[], ["members:write"], ["root"]])
def test_a_key_cannot_have_what_a_program_must_not(acme, scopes) -> None:
    with acme.scope(), pytest.raises(InvalidRequest):
        services.api_key_create("bad", caller=acme.caller, scopes=scopes)


def test_an_invitation_is_for_its_address_once(acme, globex) -> None:
    with acme.scope():
        _row, secret = services.member_invite("New@X.example", role="viewer", caller=acme.caller)
    with pytest.raises(NotFound):
        services.invitation_accept(secret, user=globex.owner)
    newcomer = User.objects.create_user("new@x.example")
    assert services.invitation_accept(secret, user=newcomer).role == Role.VIEWER
    with pytest.raises(NotFound):
        services.invitation_accept(secret, user=newcomer)


def test_a_second_invitation_replaces_the_first(acme) -> None:
    with acme.scope():
        _row, first = services.member_invite("a@x.example", role="viewer", caller=acme.caller)
        services.member_invite("a@x.example", role="admin", caller=acme.caller)
        assert Invitation.objects.count() == 1
    with pytest.raises(NotFound):
        services.invitation_open(first)


def test_the_last_owner_stays(acme) -> None:
    with acme.scope():
        owner = Member.objects.get(role=Role.OWNER)
        with pytest.raises(Conflict):
            services.member_remove(owner, caller=acme.caller)
        with pytest.raises(Conflict):
            services.member_role_set(owner, role=Role.ADMIN, caller=acme.caller)


def test_every_act_is_in_the_audit_log(acme) -> None:
    from modelmill.tenants.selectors import audit_list

    with acme.scope():
        services.api_key_revoke(ApiKey.objects.get(), caller=acme.caller)
        actions = list(audit_list().values_list("action", flat=True))
    assert actions == ["api_key.revoked", "api_key.created", "tenant.created"]


def test_people_see_their_own_tenants(acme, globex) -> None:
    from modelmill.tenants.selectors import caller_for_user, tenants_of_user

    assert tenants_of_user(acme.mate) == [acme.tenant]
    with pytest.raises(NotFound):
        caller_for_user(acme.mate, tenant_id=globex.tenant.id)
    with system_scope("count members"):
        assert Member.objects.count() == 4


def test_a_tenants_name_is_one_line(acme) -> None:
    made = services.tenant_create("Two\r\nlines  long", owner=acme.owner)
    assert made.name == "Two lines long"
