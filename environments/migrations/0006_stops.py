"""Since when environments are stopped, kept by the database itself; and the lockdowns that were moved, by time."""

import django.db.models.deletion
from django.db import migrations, models

from portal.accounts.roles import grant_roles

# Unarchived, it is stopped anew. In a trigger, an unqualified "new" would be the row the trigger is about.
NEWEST = """
    INSERT INTO environments_stop AS s (environment_id, old_seen_at, seen_at)
    SELECT DISTINCT ON (t.environment_id) t.environment_id, t.old_seen_at, t.seen_at
    FROM {source} t
    WHERE (t.field = 'phase' AND t.new = 'ENVIRONMENT_PHASE_STOPPED') OR (t.field = 'archived_at' AND t.new = '')
    ORDER BY t.environment_id, t.seen_at DESC, t.id DESC
    ON CONFLICT (environment_id) DO UPDATE SET old_seen_at = excluded.old_seen_at, seen_at = excluded.seen_at
    WHERE s.seen_at <= excluded.seen_at
"""
SEEN_STOPPED = """
    INSERT INTO environments_stop (environment_id, seen_at)
    SELECT e.id, e.first_seen_at FROM {source} e WHERE e.phase = 'ENVIRONMENT_PHASE_STOPPED' {more}
    ON CONFLICT DO NOTHING
"""
# What was stopped once and was never seen to stop was stopped when it was first seen.
WAS_STOPPED = """
    OR EXISTS (
        SELECT FROM environments_transition t
        WHERE t.environment_id = e.id AND t.field = 'phase' AND t.old = 'ENVIRONMENT_PHASE_STOPPED'
    )
"""
FILL = f"""
{NEWEST.format(source="environments_transition")};
{SEEN_STOPPED.format(source="environments_environment", more=WAS_STOPPED)};
"""
FORWARD = f"""
{FILL}
CREATE FUNCTION environments_note_stops() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {NEWEST.format(source="noted")};
    RETURN NULL;
END $$;
CREATE TRIGGER environments_stops AFTER INSERT ON environments_transition
    REFERENCING NEW TABLE AS noted FOR EACH STATEMENT EXECUTE FUNCTION environments_note_stops();
CREATE FUNCTION environments_note_seen_stopped() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {SEEN_STOPPED.format(source="made", more="")};
    RETURN NULL;
END $$;
CREATE TRIGGER environments_seen_stopped AFTER INSERT ON environments_environment
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION environments_note_seen_stopped();
"""
BACKWARD = """
DROP TRIGGER environments_seen_stopped ON environments_environment;
DROP FUNCTION environments_note_seen_stopped();
DROP TRIGGER environments_stops ON environments_transition;
DROP FUNCTION environments_note_stops();
"""


def grant(apps, schema_editor):
    grant_roles(apps)


class Migration(migrations.Migration):
    dependencies = [("environments", "0005_rollups")]

    operations = [
        migrations.CreateModel(
            name="Stop",
            fields=[
                (
                    "environment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="environments.environment",
                    ),
                ),
                ("old_seen_at", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField()),
            ],
        ),
        migrations.AddIndex(
            model_name="transition",
            index=models.Index(
                models.OrderBy(models.F("seen_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("field", "lockdown_at")),
                name="transition_of_lockdown",
            ),
        ),
        migrations.AddIndex(
            model_name="environment",
            index=models.Index(
                models.F("gone_at"),
                models.F("id"),
                condition=models.Q(("gone_at__isnull", False)),
                name="environment_gone",
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
