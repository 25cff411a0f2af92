from django.db import migrations, models, transaction
from django.db.models import F

_NUMBER = '''
    UPDATE training_jobevent SET seq = numbered.seq
    FROM (
        SELECT event.id, job.events_count + ROW_NUMBER() OVER (ORDER BY event.id) AS seq
        FROM training_jobevent event JOIN training_job job ON job.id = event.job_id
        WHERE event.job_id = %s AND event.seq IS NULL
    ) AS numbered
    WHERE training_jobevent.id = numbered.id
'''


def events_number(apps, schema_editor):
    """Number the events from before this column in the order in which they were read so far.

    A job at a time, each with a commit of its own: no lock lasts, and what was cut off goes on.
    """
    event, job = apps.get_model('training', 'JobEvent'), apps.get_model('training', 'Job')
    connection = schema_editor.connection
    bare = event.objects.using(connection.alias).filter(seq=None)
    for job_id in list(bare.values_list('job_id', flat=True).distinct()):
        rows = job.objects.using(connection.alias).filter(pk=job_id)
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            # The lock that whoever stores an event takes first.
            rows.update(events_count=F('events_count'))
            cursor.execute(_NUMBER, [job_id])
            rows.update(events_count=F('events_count') + cursor.rowcount)


class Migration(migrations.Migration):

    # Begun again after a failure, it numbers what was written meanwhile as well.
    atomic = False

    dependencies = [
        ('training', '0016_events_count'),
    ]

    operations = [
        migrations.RunPython(events_number, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='jobevent',
            name='seq',
            field=models.BigIntegerField(),
        ),
        migrations.AddConstraint(
            model_name='jobevent',
            constraint=models.UniqueConstraint(fields=('job', 'seq'), name='job_event_in_order'),
        ),
        migrations.RemoveIndex(
            model_name='jobevent',
            name='job_event_by_kind',
        ),
        migrations.AddIndex(
            model_name='jobevent',
            index=models.Index(fields=['job', 'kind', 'seq'], name='job_event_by_kind'),
        ),
    ]
