"""What can be made: the installed plugins, as rows and never as code.

A worker describes each plugin in a child process and hands the manifests in;
whoever trains or predicts asks here which release is on and whether parameters
fit its schema. Not for prices (billing) nor for running a plugin (workers).

Public verbs: ``manifest_publish``, ``plugin_quarantine``, ``catalog_sync``,
``plugin_enable``, ``offer_set``, ``parameters_complete``; ``plugin_list``,
``access_plugin``, ``release_for``.
"""
