"""An environment that its runner did not acknowledge is not in sync before it runs, too; its index answers what is gone."""

from django.db import migrations, models

PRESENT = models.Q(gone_at=None)
FLAGS = ("failing", "unpushed_work", "open_to_everyone", "never_stops", "not_in_sync")
UNACKNOWLEDGED = models.Q(runner_spec_version__lt=models.F("spec_version"), archived_at__isnull=True) & (
    ~models.Q(phase__in=("", "ENVIRONMENT_PHASE_STOPPED", "ENVIRONMENT_PHASE_DELETED"))
    | models.Q(desired_phase="ENVIRONMENT_PHASE_RUNNING")
)
SECRETS = models.Q(phase="ENVIRONMENT_PHASE_RUNNING", secrets_in_sync__isnull=False, secrets_in_sync=False)
DEVCONTAINER = models.Q(
    phase="ENVIRONMENT_PHASE_RUNNING", devcontainer_in_sync__isnull=False, devcontainer_in_sync=False
)


class Migration(migrations.Migration):
    dependencies = [("environments", "0008_past_stops")]

    operations = [
        migrations.RemoveIndex(model_name="environment", name="environment_facets"),
        migrations.RemoveIndex(model_name="environment", name="environment_flagged"),
        # a generated column cannot be altered
        migrations.RemoveField(model_name="environment", name="not_in_sync"),
        migrations.AddField(
            model_name="environment",
            name="not_in_sync",
            field=models.GeneratedField(
                expression=UNACKNOWLEDGED | SECRETS | DEVCONTAINER,
                output_field=models.BooleanField(),
                db_persist=True,
            ),
        ),
        migrations.AddIndex(
            model_name="environment",
            index=models.Index(
                fields=["phase", "id"],
                include=[
                    "project_id", "creator_id", "runner_id", "class_id", "role", "created_at", "archived_at",
                    "lockdown_at", "last_used_at", *FLAGS, "gone_at",
                ],
                name="environment_facets",
                condition=PRESENT,
            ),
        ),
        migrations.AddIndex(
            model_name="environment",
            index=models.Index(
                fields=["last_used_at", "id"],
                include=[*FLAGS, "phase"],
                name="environment_flagged",
                condition=PRESENT & models.Q(*((flag, True) for flag in FLAGS), _connector="OR"),
            ),
        ),
    ]  # fmt: skip
