"""Celery tasks, one file per room: each opens a scope and calls one service.

Every task may arrive twice, late or not at all, and must be safe in each case;
the database says what is to be done. A module's ``EVERY_S`` names the tasks
that the beat rings regularly.
"""
