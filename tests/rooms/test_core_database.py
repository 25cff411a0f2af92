"""The connection to the database: what it does for those who wait when somebody is cut off."""

import pytest
from django.db import connection


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no clients to lose")
def test_a_client_that_falls_silent_in_a_transaction_is_let_go_before_its_lease_is_over(
    db: None, settings: object
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        (idle,) = cursor.fetchone()
    assert idle == "45s" and settings.LEASE_S > 45  # type: ignore[attr-defined]
