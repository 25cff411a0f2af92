"""The intake: reads what a stranger sent and mills it into clean Parquet shards.

Runs in a child process of a worker (``__main__``), knows no database and no
Django, and is never imported by the web process (``refusals``, which is only
sentences, aside): the heavy libraries and the dangerous bytes stay here. In: one
file of any form. Out: a folder of shards, small pictures and ``result.json``.
Everything is read as a stream, within ``Limits``, and the same file always gives
the same bytes.

sniffing → archives → images | texts | tables → splitting → shards
"""
