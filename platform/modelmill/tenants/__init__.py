"""Who is asking: users, tenants, members and their roles, API keys, the audit log.

Not for what a tenant owns (datasets, models) or pays. Public verbs:
``tenant_create``, ``member_invite``, ``invitation_accept``, ``member_role_set``,
``member_remove``, ``api_key_create``, ``api_key_revoke``, ``audit_record``;
``caller_for_key`` and ``caller_for_user`` turn credentials into a ``Caller``.
"""
