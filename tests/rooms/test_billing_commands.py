"""The operator's commands with wrong words: one line that says what to do, and nothing changed."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, OperationalError
from modelmill.billing.management.commands import billing_top_up
from modelmill.billing.models import JournalEntry, Plan
from modelmill.billing.subscriptions import plan_list, subscription_for
from modelmill.core.scope import system_scope

ROOT = Path(__file__).resolve().parents[2]
TOP_UP = ("billing_top_up", "--amount", "1", "--key", "bank-1")
pytestmark = pytest.mark.django_db


def refused(*words: str) -> str:
    with pytest.raises(CommandError) as raised:
        call_command(*words)
    said = str(raised.value)
    assert said.isprintable(), "one line"
    return said


@pytest.mark.parametrize("command", [("billing_close",), TOP_UP, ("billing_plan", "starter")])
@pytest.mark.parametrize("word", ["acmee", "org-0", "", "Acme Inc", "a\nb", "\udcff", "x" * 500])
def test_no_command_takes_an_organisation_that_is_not_there(acme, command, word) -> None:
    said = refused(*command, "--tenant", word)
    assert said.startswith("There is no organisation ")
    assert said.endswith("the cockpit's page of organisations shows them.")
    assert ("Did you mean acme?" in said) == (word in ("acmee", "Acme Inc"))


def test_nobody_is_paid_by_calling_itself_like_anothers_id(acme, globex, capsys) -> None:
    type(globex.tenant).objects.filter(pk=globex.tenant.pk).update(slug=acme.tenant.pk)

    call_command(*TOP_UP, "--tenant", acme.tenant.pk)

    assert capsys.readouterr().out.startswith("acme has ")


def test_a_broken_rule_of_the_books_is_not_taken_for_a_database_away(acme, monkeypatch) -> None:
    def breaks(**_values: object) -> None:
        raise IntegrityError("CHECK constraint failed: balance_not_overpaid")

    monkeypatch.setattr(billing_top_up, "wallet_top_up", breaks)
    with pytest.raises(IntegrityError):
        call_command(*TOP_UP, "--tenant", "acme")


@pytest.mark.parametrize("name", ["slug", "pk"])
def test_an_organisation_is_known_by_its_short_name_and_by_its_id(acme, capsys, name) -> None:
    call_command(*TOP_UP, "--tenant", getattr(acme.tenant, name))
    assert capsys.readouterr().out.startswith("acme has ")


@pytest.mark.parametrize("amount", ["", "1e999999999", "sNaN", "0.0000001", "2e9", "１2\udcff"])
def test_an_amount_that_is_none_is_refused(acme, amount) -> None:
    said = refused("billing_top_up", "--tenant", "acme", f"--amount={amount}", "--key", "k")
    assert said.endswith("is no amount of money: write it as in 25.00, with at most six decimals.")


@pytest.mark.parametrize("key", ["", " ", "k" * 151, "a\tb", "\udcff"])
def test_a_reference_that_the_journal_cannot_hold_is_refused(acme, key) -> None:
    said = refused("billing_top_up", "--tenant", "acme", "--amount", "1", f"--key={key}")
    assert said.startswith("--key must be 1 to 150 printable characters")
    with system_scope("the test looks at every booking"):
        assert not JournalEntry.objects.filter(txn__idempotency_key__startswith="top-up:").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Big Team"], "'Big Team' is no plan's code"),
        (["x" * 41], "is no plan's code"),
        (["team", "--share", "0"], "--share must be a whole number from 1 to"),
        (["team", "--at-once", "9" * 30], "--at-once must be a whole number from 1 to"),
        (["team", "--tier", "40000"], "--tier must be a whole number from -32768 to 32767"),
        (["team", "--welcome-micro=5"], "begins on starter: give --welcome-micro to that plan."),
        (["starter", "--welcome-micro=-1"], "--welcome-micro must be a whole number from 0 to"),
        (["team", "--title", "t" * 101], "--title must be 1 to 100 printable characters"),
        (["taem", "--tenant", "acme"], "There is no plan 'taem'; there are: starter."),
        (["taem"], "Give a --title to make a new one."),
        (["--share", "2"], "Name the plan too"),
        (["--tenant", "acme"], "Name the plan too"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_and_not_made(acme, words, said) -> None:
    assert said in refused("billing_plan", *words)
    plan_list()
    assert [plan.code for plan in Plan.objects.all()] == ["starter"]
    with acme.scope():
        assert subscription_for(acme.tenant.pk).plan_id == "starter"


def test_a_database_that_is_away_is_one_line_too(monkeypatch) -> None:
    def away(*args: object) -> None:
        raise OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr("modelmill.billing.management.commands.billing_close.tenant_named", away)
    said = refused("billing_close", "--tenant", "acme")
    assert "connection refused Is the server running?" in said and "DATABASE_URL" in said


def test_every_command_of_the_operators_is_one_of_these() -> None:
    """A new command that names things stands on the same base."""
    for path in ROOT.glob("platform/modelmill/*/management/commands/[a-z]*.py"):
        if path.name != "flush.py":  # Django's own, which names nothing
            assert "class Command(OperatorCommand)" in path.read_text("utf-8"), path.name


def test_the_shell_shows_a_line_and_no_traceback(tmp_path) -> None:
    command = [sys.executable, "manage.py", "billing_plan", "Big Team"]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "MODELMILL_VAR_DIR": str(tmp_path)},
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("CommandError: 'Big Team' is no plan's code")
    assert "Traceback" not in ended.stderr
