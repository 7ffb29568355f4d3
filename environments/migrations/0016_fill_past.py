"""The past of what was recorded before: in batches, each committed, so that it can be stopped and run again."""

from django.db import migrations, transaction

BATCH = 1000
OBSERVING = 0x6F6E61  # the lock of a sync: environments.sync.upsert


def fill(apps, schema_editor):
    rows = apps.get_model("environments", "Environment").objects.order_by("id").values_list("id", flat=True)
    ids = list(rows[:BATCH])
    while ids:
        with transaction.atomic(), schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [OBSERVING])
            cursor.execute("SELECT environments_past_again(%s)", [ids])
        ids = list(rows.filter(id__gt=ids[-1])[:BATCH])
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("CLUSTER environments_past USING past_at")
        cursor.execute("ANALYZE environments_past")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("environments", "0015_past")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
