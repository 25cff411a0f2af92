"""The workers: Celery tasks, the supervisor of trainings, and the plugin hosts."""
