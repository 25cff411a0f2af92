"""What it costs: price books, subscriptions, the wallet and its journal, invoices.

Not for what was used; that is metering. Public verbs: ``quote_micro``,
``subscription_ensure``, ``reservation_open``, ``reservation_grow``,
``reservation_close``, ``wallet_top_up`` (services), ``book_publish`` (books),
``subscription_move``, ``subscriptions_move`` (moving), ``invoices_close``
(closing); questions in ``selectors``. ``rating`` is pure arithmetic.
"""
