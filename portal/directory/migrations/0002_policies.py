"""The policies over time: each change that was seen. What is known already is the first version."""

import django.db.models.deletion
from django.db import migrations, models

COLUMNS = (
    "policies",
    "maximum_environment_timeout",
    "maximum_environment_lifetime",
    "maximum_environment_lifetime_strict",
    "archive_environments_after",
    "delete_archived_environments_after",
    "port_sharing_disabled",
    "max_port_admission_level",
)


def begin(apps, schema_editor):
    versions = apps.get_model("directory", "PolicyVersion")
    for organization in apps.get_model("directory", "Organization").objects.filter(policies_seen_at__isnull=False):
        columns = {name: getattr(organization, name) for name in COLUMNS}
        versions.objects.create(organization=organization, seen_at=organization.policies_seen_at, **columns)


class Migration(migrations.Migration):
    dependencies = [("directory", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="PolicyVersion",
            fields=[
                ("policies", models.JSONField(default=dict)),
                ("maximum_environment_timeout", models.DurationField(null=True)),
                ("maximum_environment_lifetime", models.DurationField(null=True)),
                ("maximum_environment_lifetime_strict", models.BooleanField(default=False)),
                ("archive_environments_after", models.DurationField(null=True)),
                ("delete_archived_environments_after", models.DurationField(null=True)),
                ("port_sharing_disabled", models.BooleanField(default=False)),
                ("max_port_admission_level", models.TextField(blank=True, default="")),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("old_seen_at", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, to="directory.organization"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("organization"),
                        models.OrderBy(models.F("seen_at"), descending=True),
                        models.OrderBy(models.F("id"), descending=True),
                        name="policyversion_newest",
                    )
                ],
            },
        ),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
