from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('training', '0017_events_numbered'),
    ]

    operations = [
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
