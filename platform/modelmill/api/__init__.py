"""The JSON door, /v1, in OpenAI's conventions: one file per resource, serializers inside.

It translates requests into calls of services and selectors, and their results
and errors into JSON; it decides nothing. ``framework/`` is what all resources
share: who asks, the error envelope, pages, the base view.
"""
