"""What was made: models, their immutable versions with lineage, and movable names.

Not for how a version came about (training) nor for its use (inference).

Public verbs: ``version_publish``, ``version_fetch``, ``model_delete``,
``alias_set``, ``alias_remove``, ``files_to_download``, ``zip_stream``;
``access_model_version``, ``version_list``, ``model_list``, ``access_model``.
"""
