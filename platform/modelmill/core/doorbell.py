"""The Celery application: a doorbell that may be lost or doubled without harm.

The database is the queue; a message only says "look now". The web process
uses this object to send; ``workers.celery`` adds the tasks.
"""

from celery import Celery

app = Celery("modelmill")
app.config_from_object("django.conf:settings", namespace="CELERY")


def ring(task: str, payload: dict[str, object]) -> bool:
    """Send one message now; return False, and raise nothing, when the broker is away.

    Whoever calls this has already written down in the database what is to be
    done, so a lost ring costs a few seconds until the next sweep.
    """
    from kombu.exceptions import OperationalError
    from redis.exceptions import RedisError

    try:
        app.send_task(task, kwargs=payload, ignore_result=True, retry=False)
    except (OperationalError, RedisError, OSError):
        return False
    return True
