"""The table of the cache: limits on log-ins and sign-ups are counted there."""

from django.core.management import call_command
from django.db import migrations

TABLE = "core_cache"


def make(apps, schema_editor):
    call_command("createcachetable", TABLE, database=schema_editor.connection.alias, verbosity=0)


def drop(apps, schema_editor):
    schema_editor.execute(f"DROP TABLE {TABLE}")


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0002_orphans'),
    ]

    operations = [
        migrations.RunPython(make, drop),
    ]
