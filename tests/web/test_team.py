"""The team page: who may see it, invite, change and remove."""

import re

import pytest
from django.core import mail
from django.test import Client
from modelmill.tenants.models import AuditEntry, Invitation, Member, User
from modelmill.tenants.permissions import Role

from tests.conftest import Place

INVITE = {"email": "guest@elsewhere.example", "role": "member"}


def member_of(place: Place, user: User) -> Member:
    with place.scope():
        return Member.objects.get(user=user)


def test_the_owner_invites_and_a_mail_goes_out(acme: Place) -> None:
    response = acme.browser().post("/team", INVITE, follow=True)

    assert "An invitation is on its way to guest@elsewhere.example." in response.content.decode()
    assert mail.outbox[0].to == ["guest@elsewhere.example"]
    assert "/invitations/" in mail.outbox[0].body
    with acme.scope():
        assert Invitation.objects.get().role == "member"
        assert AuditEntry.objects.filter(action="member.invited").count() == 1


def test_the_invitation_is_in_the_tenants_language(acme: Place) -> None:
    acme.tenant.language = "zh-hans"
    acme.tenant.save()

    acme.browser().post("/team", INVITE)

    assert mail.outbox[0].subject == "owner@acme.example 邀请您加入 Acme"


def test_a_team_mate_sees_the_team_but_may_not_invite(acme: Place) -> None:
    client = acme.browser(acme.mate)

    assert "Invite somebody" not in client.get("/team").content.decode()
    assert client.post("/team", INVITE).status_code == 403
    assert mail.outbox == []


def test_a_strangers_member_is_not_there(acme: Place, globex: Place) -> None:
    client = globex.browser()
    mate = member_of(acme, acme.mate)

    assert client.post(f"/team/{mate.pk}/remove").status_code == 404
    assert client.post(f"/team/{mate.pk}/role", {"role": "viewer"}).status_code == 404
    assert "acme.example" not in client.get("/team").content.decode()
    assert member_of(acme, acme.mate).role == Role.MEMBER


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "no address", "role": "member"},
        {"email": "", "role": "member"},
        {"email": "a@b.example", "role": "emperor"},
        {"email": "mate@acme.example", "role": "viewer"},
    ],
)
def test_it_says_what_is_wrong_with_an_invitation(wrong: dict[str, str], acme: Place) -> None:
    response = acme.browser().post("/team", wrong)

    assert response.status_code == 200
    assert 'aria-invalid="true"' in response.content.decode()
    assert mail.outbox == []


def test_a_role_is_changed(acme: Place) -> None:
    mate = member_of(acme, acme.mate)

    acme.browser().post(f"/team/{mate.pk}/role", {"role": "viewer"})

    assert member_of(acme, acme.mate).role == Role.VIEWER


def test_an_unknown_role_changes_nothing(acme: Place) -> None:
    mate = member_of(acme, acme.mate)

    response = acme.browser().post(f"/team/{mate.pk}/role", {"role": "emperor"}, follow=True)

    assert "alert-error" in response.content.decode()
    assert member_of(acme, acme.mate).role == Role.MEMBER


def test_the_last_owner_stays(acme: Place) -> None:
    owner = member_of(acme, acme.owner)

    response = acme.browser().post(f"/team/{owner.pk}/remove", follow=True)

    assert "An organisation needs an owner." in response.content.decode()
    assert member_of(acme, acme.owner).role == Role.OWNER


def test_who_is_removed_is_out_at_once(acme: Place) -> None:
    his = acme.browser(acme.mate)
    assert his.get("/team").status_code == 200

    acme.browser().post(f"/team/{member_of(acme, acme.mate).pk}/remove")

    assert his.get("/team")["Location"] == "/welcome"


def test_an_invitation_is_withdrawn(acme: Place, globex: Place) -> None:
    acme.browser().post("/team", INVITE)
    with acme.scope():
        invitation = Invitation.objects.get()
    path = f"/team/invitations/{invitation.pk}/withdraw"

    assert globex.browser().post(path).status_code == 404
    assert acme.browser(acme.mate).post(path).status_code == 403
    acme.browser().post(path)

    with acme.scope():
        assert Invitation.objects.count() == 0


def test_changing_by_a_link_is_refused(acme: Place) -> None:
    mate = member_of(acme, acme.mate)

    assert acme.browser().get(f"/team/{mate.pk}/remove").status_code == 405


def test_an_invitation_is_accepted_by_its_guest_alone(acme: Place, globex: Place) -> None:
    acme.browser().post("/team", {"email": globex.mate.email, "role": "viewer"})
    path = "/invitations/" + mail.outbox[0].body.split("/invitations/")[1].split()[0]

    assert "Create an account" in Client().get(path).content.decode()
    assert globex.browser().post(path).status_code == 404
    page = globex.browser(globex.mate).get(path).content.decode()
    assert "Accept the invitation" in page and "Viewer" in page
    guest = globex.browser(globex.mate)
    assert "Welcome to Acme." in guest.post(path, follow=True).content.decode()

    assert member_of(acme, globex.mate).role == Role.VIEWER
    assert guest.get(path).status_code == 404


def test_an_unknown_invitation_is_a_page(acme: Place) -> None:
    response = Client().get("/invitations/nothing")

    assert response.status_code == 404
    assert "does not work any more" in response.content.decode()


def test_a_guest_without_an_account_signs_up_and_is_led_back(acme: Place) -> None:
    acme.browser().post("/team", {"email": "guest@elsewhere.example", "role": "member"})
    path = "/invitations/" + mail.outbox[0].body.split("/invitations/")[1].split()[0]
    guest = Client()
    guest.get(path)
    guest.post(
        "/accounts/signup/",
        {"email": "guest@elsewhere.example", "password1": "a mill by the pond"},
    )
    confirm = re.search(r"/accounts/confirm-email/[^\s]+", mail.outbox[1].body)
    assert confirm is not None

    response = guest.post(confirm[0], follow=True)

    assert response.redirect_chain[-1][0] == path
    guest.post(path)
    assert "Acme" in guest.get("/home").content.decode()


def test_a_mail_that_cannot_be_sent_says_so(acme: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise ConnectionRefusedError("no mail server")

    monkeypatch.setattr("modelmill.web.team.send_mail", refuse)

    response = acme.browser().post("/team", INVITE, follow=True)

    assert "The e-mail could not be sent." in response.content.decode()
