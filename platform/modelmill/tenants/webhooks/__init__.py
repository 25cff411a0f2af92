"""Webhooks: telling a tenant's own servers what happened, signed, and again until they heard.

Signed after Standard Webhooks (https://www.standardwebhooks.com), so that the OpenAI client's
``client.webhooks.unwrap`` accepts them. Public verbs: ``endpoint_create``, ``endpoint_change``,
``endpoint_delete``, ``endpoint_secret_rotate``, ``webhook_announce``, ``delivery_again``,
``endpoint_test`` (services); ``delivery_claim``, ``delivery_record`` (delivering) for the worker.
"""
