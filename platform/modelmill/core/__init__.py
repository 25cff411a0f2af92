"""The room everything stands on: ids, errors, money, tenant scope, outbox, storage, clock.

It knows nobody. What belongs here is needed by at least two rooms and says
nothing about any of them; a rule about jobs or invoices never does.

Public verbs: ``new_id``, ``tenant_scope``, ``system_scope``, ``outbox_add``,
``blob_write``, ``blob_open``, ``blob_fetch``, ``blob_release``,
``database_now``.
"""
