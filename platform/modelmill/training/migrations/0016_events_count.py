from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('training', '0015_devices_of_a_job'),
    ]

    # Neither touches a row on PostgreSQL, however many there are.
    operations = [
        migrations.AddField(
            model_name='job',
            name='events_count',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='jobevent',
            name='seq',
            field=models.BigIntegerField(null=True),
        ),
    ]
