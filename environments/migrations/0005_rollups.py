"""What the sync keeps for the overview."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("environments", "0004_specification_versions")]

    operations = [
        migrations.CreateModel(
            name="FailureKind",
            fields=[
                ("fingerprint", models.TextField(primary_key=True, serialize=False)),
                ("message", models.TextField()),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="OverviewPart",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("data", models.JSONField(default=dict)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="RunningTime",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("dimension", models.TextField()),
                ("key", models.TextField(blank=True, default="")),
                ("seconds", models.FloatField(default=0)),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("day", "dimension", "key"), name="runningtime_of_day")],
            },
        ),
        migrations.CreateModel(
            name="Snapshot",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("hour", models.DateTimeField()),
                (
                    "dimension",
                    models.TextField(
                        choices=[
                            ("condition", "condition"),
                            ("phase", "phase"),
                            ("project", "running, by project"),
                            ("class", "running, by class"),
                        ]
                    ),
                ),
                ("at", models.DateTimeField()),
                ("counts", models.JSONField(default=dict)),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("dimension", "hour"), name="snapshot_of_hour")],
            },
        ),
        migrations.CreateModel(
            name="StartUp",
            fields=[
                ("transition_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("environment_id", models.UUIDField()),
                (
                    "kind",
                    models.TextField(blank=True, choices=[("created", "created"), ("started", "started")], default=""),
                ),
                ("running_at", models.DateTimeField()),
                ("seconds", models.FloatField(null=True)),
                ("uncertain", models.FloatField(null=True)),
                ("project_id", models.UUIDField(null=True)),
                ("class_id", models.UUIDField(null=True)),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(models.F("running_at"), name="startup_running_at")],
            },
        ),
    ]
