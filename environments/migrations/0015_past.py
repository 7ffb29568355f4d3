"""The past in a form made for the question: ranges of time, noted by the database itself with every change."""

from datetime import timedelta

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.lookups import LessThanOrEqual

TEXTS = ("phase", "machine_phase", "content_phase", "devcontainer_phase", "automations_phase", "failure")
TIMES = ("archived_at", "lockdown_at", "gone_at")
PARSED = "CASE WHEN w.{name} IS NULL THEN e.{name} ELSE nullif(w.{name}, '')::{type} END"
SPECIFIED = {
    "spec_version": "v.spec_version",
    "desired_phase": "coalesce(v.spec ->> 'desiredPhase', '')",
    "never_stops": r"coalesce(v.spec -> 'timeout' ->> 'disconnected', '') ~ '^0+(\.0+)?s$'",
    "open_to_everyone": """jsonb_path_exists(v.spec, '$.ports[*] ? (@.admission == "ADMISSION_LEVEL_EVERYONE")')""",
}
VALUES = {
    **{name: f"coalesce(w.{name}, e.{name})" for name in TEXTS},
    **{name: PARSED.format(name=name, type="timestamptz") for name in TIMES},
    "secrets_in_sync": PARSED.format(name="secrets_in_sync", type="boolean"),
    **{name: f"coalesce(d.{name}, e.{name})" for name in SPECIFIED},
    "stop_old_seen_at": "s.old_seen_at",
    "stop_seen_at": "coalesce(s.seen_at, e.first_seen_at)",
}
FIELDS = (*TEXTS, *TIMES, "secrets_in_sync")
FIRST = ", ".join(
    f"(array_agg(t.old ORDER BY t.seen_at, t.id) FILTER (WHERE t.field = '{name}'))[1] AS {name}" for name in FIELDS
)
NEVER = "'9999-12-31T00:00:00Z'::timestamptz"  # infinity is no time of Python's
COLUMNS = ", ".join(("environment_id", "valid_from", "valid_until", *VALUES))
STOP = """
    LEFT JOIN LATERAL (
        SELECT t.old_seen_at, t.seen_at FROM environments_transition t
        WHERE t.environment_id = e.id AND t.seen_at < {before}
            AND ((t.field = 'phase' AND t.new = 'ENVIRONMENT_PHASE_STOPPED')
                OR (t.field = 'archived_at' AND t.new = ''))
        ORDER BY t.seen_at DESC, t.id DESC LIMIT 1
    ) s ON TRUE
"""
# The value of a field in a range is the one that the first change after it changed; where none came, it is as now.
RANGES = f"""
    SELECT w.environment_id, w.valid_from, w.valid_until,
        {", ".join(f"{value} AS {name}" for name, value in VALUES.items())}
    FROM ({{ranges}}) w
    JOIN environments_environment e ON e.id = w.environment_id
    LEFT JOIN LATERAL (
        SELECT {", ".join(f"{value} AS {name}" for name, value in SPECIFIED.items())}
        FROM environments_specificationversion v
        WHERE v.environment_id = w.environment_id AND v.seen_at < w.valid_until AND w.valid_until < {NEVER}
        ORDER BY v.spec_version DESC LIMIT 1
    ) d ON TRUE
    {STOP.format(before="w.valid_until")}
"""
# The first version of a specification changes nothing. Going back from now, a change begins a group of the ranges that
# have its old value. What is said to have changed before it was first seen is left out.
ALL = f"""
    WITH changes AS (
        SELECT t.environment_id, t.seen_at, {FIRST} FROM environments_transition t
        WHERE t.environment_id = ANY(wanted) GROUP BY t.environment_id, t.seen_at
    ), ends AS (
        SELECT c.environment_id, c.seen_at FROM changes c
        UNION
        SELECT v.environment_id, v.seen_at FROM environments_specificationversion v
        WHERE v.environment_id = ANY(wanted) AND v.old_seen_at IS NOT NULL
        UNION
        SELECT e.id, {NEVER} FROM environments_environment e WHERE e.id = ANY(wanted)
    ), grouped AS (
        SELECT environment_id, seen_at, lead(seen_at) OVER back AS before, {", ".join(FIELDS)},
            {", ".join(f"count({name}) OVER back AS group_{name}" for name in FIELDS)}
        FROM ends LEFT JOIN changes USING (environment_id, seen_at)
        WINDOW back AS (PARTITION BY environment_id ORDER BY seen_at DESC)
    )
    SELECT g.environment_id, greatest(g.before, f.first_seen_at) AS valid_from, g.seen_at AS valid_until,
        {", ".join(f"max(g.{n}) OVER (PARTITION BY g.environment_id, g.group_{n}) AS {n}" for n in FIELDS)}
    FROM grouped g JOIN environments_environment f ON f.id = g.environment_id AND f.first_seen_at < g.seen_at
"""
NOW = ", ".join(f"e.{name}" for name in (*TEXTS, *TIMES, "secrets_in_sync", *SPECIFIED))
OPENED = f"""
    INSERT INTO environments_past ({COLUMNS})
    {{ranges}}
    ON CONFLICT (environment_id, valid_until) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in ("valid_from", *VALUES))};
"""
FIRST_OPENED = f"SELECT e.id, e.first_seen_at, {NEVER}, {NOW}, NULL, e.first_seen_at FROM made e"
NEXT_OPENED = f"""
    SELECT e.id, o.seen_at, {NEVER}, {NOW}, s.old_seen_at, coalesce(s.seen_at, e.first_seen_at)
    FROM (
        SELECT o.environment_id, max(o.seen_at) AS seen_at FROM noted o
        WHERE {{more}} AND o.environment_id <> ALL(late) GROUP BY o.environment_id
    ) o
    JOIN environments_environment e ON e.id = o.environment_id
    {STOP.format(before=NEVER)}
"""
NOTE = f"""
    CREATE FUNCTION environments_note_past_{{name}}() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE late uuid[];
    BEGIN
        -- seen earlier than what is noted already, or several at once: ranges in between are others now
        SELECT coalesce(array_agg(o.environment_id), '{{{{}}}}') INTO late FROM (
            SELECT environment_id, min(seen_at) AS since, max(seen_at) AS until FROM noted o
            WHERE {{more}} GROUP BY environment_id
        ) o
        WHERE o.since < o.until OR EXISTS (
            SELECT FROM environments_past p
            WHERE p.environment_id = o.environment_id AND p.valid_until = {NEVER} AND p.valid_from > o.since
        );
        UPDATE environments_past p SET valid_until = o.seen_at FROM noted o
        WHERE {{more}} AND o.environment_id <> ALL(late) AND p.environment_id = o.environment_id
            AND p.valid_until = {NEVER} AND p.valid_from < o.seen_at;
        {OPENED.format(ranges=NEXT_OPENED)}
        IF late <> '{{{{}}}}' THEN
            PERFORM environments_past_again(late);
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER environments_past_{{name}} AFTER INSERT ON {{table}}
        REFERENCING NEW TABLE AS noted FOR EACH STATEMENT EXECUTE FUNCTION environments_note_past_{{name}}();
"""
FORWARD = f"""
    CREATE FUNCTION environments_past_told(wanted uuid[])
    RETURNS TABLE (
        environment_id uuid, valid_from timestamptz, valid_until timestamptz,
        {", ".join(f"{name} text" for name in TEXTS)}, {", ".join(f"{name} timestamptz" for name in TIMES)},
        secrets_in_sync boolean, spec_version numeric, desired_phase text, never_stops boolean,
        open_to_everyone boolean, stop_old_seen_at timestamptz, stop_seen_at timestamptz
    ) LANGUAGE sql STABLE AS $$ {RANGES.format(ranges=ALL)} $$;
    CREATE FUNCTION environments_past_again(wanted uuid[]) RETURNS void LANGUAGE sql AS $$
        DELETE FROM environments_past WHERE environment_id = ANY(wanted);
        INSERT INTO environments_past ({COLUMNS}) SELECT {COLUMNS} FROM environments_past_told(wanted);
    $$;
    CREATE FUNCTION environments_note_past_of_new() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        {OPENED.format(ranges=FIRST_OPENED)}
        RETURN NULL;
    END $$;
    CREATE TRIGGER environments_past_of_new AFTER INSERT ON environments_environment
        REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION environments_note_past_of_new();
    -- no constraint does it: see the model
    CREATE FUNCTION environments_forget_past() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'TRUNCATE' THEN
            DELETE FROM environments_past;
        ELSE
            DELETE FROM environments_past WHERE environment_id IN (SELECT id FROM deleted);
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER environments_past_of_deleted AFTER DELETE ON environments_environment
        REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION environments_forget_past();
    CREATE TRIGGER environments_past_of_none AFTER TRUNCATE ON environments_environment
        FOR EACH STATEMENT EXECUTE FUNCTION environments_forget_past();
    {NOTE.format(name="of_transitions", table="environments_transition", more="TRUE")}
    {NOTE.format(name="of_versions", table="environments_specificationversion", more="o.old_seen_at IS NOT NULL")}
"""
BACKWARD = """
    DROP TRIGGER environments_past_of_versions ON environments_specificationversion;
    DROP FUNCTION environments_note_past_of_versions();
    DROP TRIGGER environments_past_of_transitions ON environments_transition;
    DROP FUNCTION environments_note_past_of_transitions();
    DROP TRIGGER environments_past_of_none ON environments_environment;
    DROP TRIGGER environments_past_of_deleted ON environments_environment;
    DROP FUNCTION environments_forget_past();
    DROP TRIGGER environments_past_of_new ON environments_environment;
    DROP FUNCTION environments_note_past_of_new();
    DROP FUNCTION environments_past_again(uuid[]);
    DROP FUNCTION environments_past_told(uuid[]);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('environments', '0014_outbox'),
    ]

    operations = [
        migrations.CreateModel(
            name='Past',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('valid_from', models.DateTimeField()),
                ('valid_until', models.DateTimeField()),
                ('phase', models.TextField()),
                ('machine_phase', models.TextField()),
                ('content_phase', models.TextField()),
                ('devcontainer_phase', models.TextField()),
                ('automations_phase', models.TextField()),
                ('secrets_in_sync', models.BooleanField(null=True)),
                ('failure', models.TextField()),
                ('archived_at', models.DateTimeField(null=True)),
                ('lockdown_at', models.DateTimeField(null=True)),
                ('gone_at', models.DateTimeField(null=True)),
                ('spec_version', models.DecimalField(decimal_places=0, max_digits=20)),
                ('desired_phase', models.TextField()),
                ('never_stops', models.BooleanField()),
                ('open_to_everyone', models.BooleanField()),
                ('stop_old_seen_at', models.DateTimeField(null=True)),
                ('stop_seen_at', models.DateTimeField()),
                ('span', models.GeneratedField(db_persist=True, expression=models.Case(*(models.When(LessThanOrEqual(models.F('valid_until') - models.F('valid_from'), timedelta(hours=hours)), then=hours) for hours in (1, 8, 64, 512, 4096, 32768)), default=0), output_field=models.IntegerField())),
                ('environment', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='environments.environment')),
            ],
            options={
                'indexes': [models.Index(fields=['span', 'valid_until', 'valid_from'], name='past_at')],
                'constraints': [models.UniqueConstraint(fields=('environment', 'valid_until'), name='past_once')],
            },
        ),
        migrations.AddIndex(
            model_name='environment',
            index=models.Index(fields=['id'], include=('project_id', 'creator_id', 'runner_id', 'class_id', 'role', 'created_at', 'active_at', 'last_started_at', 'last_used_at'), name='environment_then'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
