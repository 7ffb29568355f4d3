"""Specifications are kept version by version; transitions of secrets; the sweeps that ended well, by time."""

import django.db.models.deletion
from django.db import migrations, models

from portal.accounts.roles import grant_roles

# What is known when this begins: the version each environment has. It was seen by the time the row was last written.
KNOWN = """
INSERT INTO environments_specificationversion (environment_id, spec_version, spec, old_seen_at, seen_at)
SELECT id, spec_version, spec, NULL, greatest(least(changed_at, now()), first_seen_at) FROM environments_environment
"""
APPEND_ONLY = """
CREATE FUNCTION specification_version_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'versions of specifications refuse %: what was seen stays', TG_OP USING ERRCODE = '23001';
END $$;
CREATE TRIGGER specification_version_kept BEFORE UPDATE OR DELETE ON environments_specificationversion
    FOR EACH ROW EXECUTE FUNCTION specification_version_refuse();
"""
CHANGEABLE = """
DROP TRIGGER specification_version_kept ON environments_specificationversion;
DROP FUNCTION specification_version_refuse();
"""


def grant(apps, schema_editor):
    grant_roles(apps)


class Migration(migrations.Migration):

    dependencies = [
        ("environments", "0003_secret"),
        ("accounts", "0001_roles"),
    ]

    operations = [
        migrations.AlterField(
            model_name="transition",
            name="field",
            field=models.TextField(choices=[("phase", "phase"), ("machine_phase", "machine"), ("content_phase", "content"), ("devcontainer_phase", "devcontainer"), ("automations_phase", "automations file"), ("secrets_in_sync", "secrets"), ("failure", "failure"), ("archived_at", "archived"), ("lockdown_at", "lockdown"), ("gone_at", "gone")]),
        ),
        migrations.CreateModel(
            name="SpecificationVersion",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("spec_version", models.DecimalField(decimal_places=0, max_digits=20)),
                ("spec", models.JSONField()),
                ("old_seen_at", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField()),
                ("environment", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="environments.environment")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("environment", "spec_version"), name="specification_version_once")],
            },
        ),
        migrations.AddIndex(
            model_name="syncrun",
            index=models.Index(condition=models.Q(("kind", "environments"), ("state", "succeeded")), fields=["started_at"], include=("finished_at",), name="syncrun_swept"),
        ),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
        migrations.RunSQL(APPEND_ONLY, CHANGEABLE),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
