"""A failure is a column, and whether anybody waits for it now a condition, which the indexes answer."""

from django.db import migrations, models

PRESENT = models.Q(gone_at=None)
FLAGS = ("has_failure", "unpushed_work", "open_to_everyone", "never_stops", "not_in_sync")
# Counts of another meaning, which nothing is to be compared with.
FORGET = "UPDATE environments_snapshot SET counts = counts - 'failing' - 'open' WHERE dimension = 'condition'"


class Migration(migrations.Migration):
    dependencies = [("environments", "0010_list_indexes")]

    operations = [
        migrations.RemoveIndex(model_name="environment", name="environment_facets"),
        migrations.RemoveIndex(model_name="environment", name="environment_flagged"),
        migrations.RenameField(model_name="environment", old_name="failing", new_name="has_failure"),
        migrations.AddIndex(
            model_name="environment",
            index=models.Index(
                fields=["phase", "id"],
                include=[
                    "project_id", "creator_id", "runner_id", "class_id", "role", "created_at", "archived_at",
                    "lockdown_at", "last_used_at", "last_started_at", *FLAGS, "gone_at",
                ],
                name="environment_facets",
                condition=PRESENT,
            ),
        ),
        migrations.AddIndex(
            model_name="environment",
            index=models.Index(
                fields=["last_used_at", "id"],
                include=[*FLAGS, "phase", "archived_at", "last_started_at", "created_at", "gone_at"],
                name="environment_flagged",
                condition=PRESENT & models.Q(*((flag, True) for flag in FLAGS), _connector="OR"),
            ),
        ),
        migrations.RunSQL(FORGET, migrations.RunSQL.noop),
    ]  # fmt: skip
