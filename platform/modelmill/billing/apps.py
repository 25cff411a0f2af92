"""Django's registration of the billing room."""

from django.apps import AppConfig

from modelmill.catalog.audience import plan_codes_register
from modelmill.core.freezing import Frozen, freeze

_OF_A_FINAL_INVOICE = (
    "EXISTS (SELECT 1 FROM billing_invoice WHERE id = {row}.invoice_id AND state <> 'draft')"
)


class BillingConfig(AppConfig):
    """The billing room: what it costs."""

    name = "modelmill.billing"
    label = "billing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Freeze prices, the journal and final invoices; tell the catalog who is on which plan."""
        from modelmill.billing.subscriptions import plan_codes

        plan_codes_register(plan_codes)
        freeze(
            Frozen(table="billing_pricebook"),
            Frozen(table="billing_price"),
            Frozen(table="billing_journaltxn"),
            Frozen(table="billing_journalentry"),
            Frozen(table="billing_invoice", when="{row}.state <> 'draft'"),
            Frozen(
                table="billing_invoiceline",
                operations=("INSERT", "UPDATE", "DELETE"),
                when=_OF_A_FINAL_INVOICE,
            ),
        )
