"""The outbox, and the trigger that writes a message when an operation ends: nothing that ends one can forget it."""

import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models

from portal.accounts.roles import grant_roles

# "outbox": writers of messages come one after another, each until it has committed. So the order of their numbers is
# the order of their commits, and none appears before another that was sent already. It is taken after the locks of the
# ledger and of merging, never before.
LOCK = int.from_bytes(b"outbox", "big")

FUNCTIONS = f"""
CREATE FUNCTION outbox_lock() RETURNS void LANGUAGE sql AS $$ SELECT pg_advisory_xact_lock({LOCK}) $$;

CREATE FUNCTION outbox_tell(kind_told text, environment uuid, content_told jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM outbox_destination WHERE kind_told = ANY(events)) THEN
        RETURN;
    END IF;
    PERFORM outbox_lock();
    INSERT INTO outbox_message (destination_id, kind, environment_id, content, at, due_at)
        SELECT id, kind_told, environment, content_told, clock_timestamp(), clock_timestamp()
        FROM outbox_destination WHERE kind_told = ANY(events);
END $$;

-- The time zone is part of what times look like in JSON. The entry is there: ledger_chain comes first by its name.
CREATE FUNCTION outbox_tell_operation() RETURNS trigger LANGUAGE plpgsql SET TimeZone = 'UTC' AS $$
BEGIN
    PERFORM outbox_tell('operation.settled', NEW.environment_id, jsonb_build_object(
        'id', NEW.id, 'action', NEW.action, 'outcome', NEW.outcome, 'reason', NEW.reason,
        'actor_name', NEW.actor_name, 'token', NEW.token, 'origin', NEW.origin,
        'target_type', NEW.target_type, 'target_id', NEW.target_id, 'target_name', NEW.target_name,
        'environment_id', NEW.environment_id, 'parent_id', NEW.parent_id,
        'asked_at', NEW.asked_at, 'closed_at', NEW.closed_at,
        'code', NEW.code, 'message', NEW.message, 'explanation', NEW.explanation,
        'chain', (SELECT jsonb_build_object('sequence', sequence, 'hash', hash) FROM ledger_entry
            WHERE operation_id = NEW.id ORDER BY sequence DESC LIMIT 1)));
    RETURN NULL;
END $$;

CREATE TRIGGER outbox_operation AFTER UPDATE ON ledger_operation
    FOR EACH ROW WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL) EXECUTE FUNCTION outbox_tell_operation();
"""
BACKWARD = """
DROP TRIGGER outbox_operation ON ledger_operation;
DROP FUNCTION outbox_tell_operation();
DROP FUNCTION outbox_tell(text, uuid, jsonb);
DROP FUNCTION outbox_lock();
"""


def grant(apps, schema_editor):
    grant_roles(apps)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0012_sessions'),
        ('ledger', '0011_access_log'),
    ]

    operations = [
        migrations.CreateModel(
            name='Destination',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.TextField(unique=True)),
                ('kind', models.TextField(choices=[('webhook', 'webhook'), ('e-mail', 'e-mail')])),
                ('address', models.TextField()),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)),
                ('state', models.TextField(choices=[('active', 'active'), ('muted', 'muted'), ('disabled', 'disabled')], default='active')),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('secret', models.TextField(blank=True)),
                ('old_secret', models.TextField(blank=True)),
                ('old_secret_until', models.DateTimeField(null=True)),
                ('failures', models.IntegerField(default=0)),
                ('retry_at', models.DateTimeField(null=True)),
                ('lease', models.UUIDField(null=True)),
                ('leased_until', models.DateTimeField(null=True)),
            ],
            options={
                'permissions': [('see_outbox', 'Can see destinations, messages and attempts'), ('manage_destinations', 'Can change destinations, and replay and mute messages')],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('message_id', models.UUIDField(db_default=django.contrib.postgres.functions.RandomUUID(), default=uuid.uuid4, editable=False, unique=True)),
                ('kind', models.TextField()),
                ('environment_id', models.UUIDField(null=True)),
                ('content', models.JSONField()),
                ('at', models.DateTimeField()),
                ('state', models.TextField(choices=[('pending', 'pending'), ('delivered', 'delivered'), ('dead', 'given up'), ('muted', 'muted')], db_default='pending', default='pending')),
                ('attempts', models.IntegerField(db_default=0, default=0)),
                ('first_tried_at', models.DateTimeField(null=True)),
                ('due_at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(null=True)),
                ('destination', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='outbox.destination')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('duration', models.DurationField(null=True)),
                ('status', models.IntegerField(null=True)),
                ('failure', models.TextField(blank=True)),
                ('answer', models.TextField(blank=True)),
                ('message', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='outbox.message')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('state', 'pending')), fields=['destination', 'id'], name='message_pending'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('state', 'pending')), fields=['destination', 'environment_id', 'id'], name='message_waiting'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(models.OrderBy(models.F('at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='message_newest'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(models.F('destination'), models.OrderBy(models.F('at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='message_of_destination'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(models.F('environment_id'), models.OrderBy(models.F('at'), descending=True), name='message_of_environment'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(models.F('state'), models.OrderBy(models.F('at'), descending=True), condition=models.Q(('state', 'delivered'), _negated=True), name='message_unsent'),
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(models.OrderBy(models.F('at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='attempt_newest'),
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(models.F('message'), models.OrderBy(models.F('at'), descending=True), name='attempt_of_message'),
        ),
        migrations.RunSQL(FUNCTIONS, BACKWARD),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
