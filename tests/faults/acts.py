"""What a forked process does until it dies; each may be done again by the next one."""

from modelmill.billing.documents import document_store
from modelmill.billing.selectors import access_invoice
from modelmill.core.scope import tenant_scope
from modelmill.tenants.models import User
from modelmill.tenants.selectors import caller_for_user
from modelmill.training.services import job_submit


def submit(*, tenant_id: str, user: str, version_id: str, key: str = "again") -> None:
    """Submit a job as a web process does for a client that sends the same request again."""
    with tenant_scope(tenant_id):
        job_submit(
            caller=caller_for_user(User.objects.get(email=user), tenant_id=tenant_id),
            plugin_id="fake-learner",
            training_ref=version_id,
            parameters={"steps": 8},
            seed=7,
            idempotency_key=key,
        )


def document(*, tenant_id: str, invoice_id: str) -> None:
    """Keep an invoice's PDF; making the pages is not what may go wrong here."""
    with tenant_scope(tenant_id):
        document_store(access_invoice(invoice_id), language="en", content=b"%PDF-1.7 a page")


def broker_at(*, url: str) -> None:
    """Let a worker that is about to start have another broker."""
    from modelmill.core.doorbell import app

    app.conf.broker_read_url = app.conf.broker_write_url = app.conf.broker_url = url


def database_at(*, port: int) -> None:
    """Let this process reach the database by another port."""
    from django.db import connections

    connections.settings["default"]["PORT"] = port
