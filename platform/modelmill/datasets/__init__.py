"""The datasets room: what they bring.

Files as they were uploaded, whole or in parts; datasets and their immutable,
hashed, validated versions; what was found wrong in them. Not here: what is
trained on a version (training), what its storage costs (metering, billing).

A file of purpose ``fine-tune`` or ``dataset`` becomes a dataset version by
itself; a worker checks it (``validation``) with the code in ``intake``, which
runs in a process of its own, knows no database and is never imported by the
web process.

Public verbs: ``file_create``, ``file_delete``, ``upload_create``,
``upload_part_add``, ``upload_complete``, ``upload_cancel``, ``dataset_delete``,
``version_validate``, ``version_fetch``; ``access_file``, ``access_upload``,
``access_dataset``, ``access_version``, ``version_for``.
"""
