"""What was used: an append-only ledger of usage events, and sums over it that are exact.

Not for what it costs; that is billing. Public verbs: ``usage_record``,
``usage_record_many`` (services), ``usage_count`` (counting), ``usage_drain`` (draining),
``usage_seal`` (sealing), ``usage_roll`` (rolling), ``storage_sample`` (sampling),
``refused_retry`` (refusing); questions: ``usage_totals``, ``usage_events`` (selectors),
``usage_buckets`` (buckets), ``refused_list`` (refusing). What a meter is called, wherever people
read of it: ``MeterTitles`` (titles).
"""
