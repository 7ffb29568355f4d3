"""The owner of an environment is e-mailed what somebody else did to it, if the operation names an address."""

from django.db import migrations, models
from django.db.models import Q

FORWARD = """
CREATE FUNCTION outbox_tell_owner() RETURNS trigger LANGUAGE plpgsql SET TimeZone = 'UTC' AS $$
BEGIN
    PERFORM outbox_lock();
    INSERT INTO outbox_destination (name, kind, address, events, state, made_at, secret, old_secret, failures)
        VALUES ('Owners of environments', 'owners', '', '{}', 'active', clock_timestamp(), '', '', 0)
        ON CONFLICT DO NOTHING;
    INSERT INTO outbox_message (destination_id, kind, "to", environment_id, content, at, due_at)
        SELECT id, 'notice', NEW.tells, NEW.environment_id, jsonb_build_object(
            'action', NEW.action, 'environment', NEW.target_name, 'by', NEW.actor_name, 'reason', NEW.reason,
            'at', to_char(NEW.closed_at, 'YYYY-MM-DD HH24:MI UTC'), 'operation_id', NEW.id),
            clock_timestamp(), clock_timestamp()
        FROM outbox_destination WHERE kind = 'owners';
    RETURN NULL;
END $$;

CREATE TRIGGER outbox_owner AFTER UPDATE ON ledger_operation
    FOR EACH ROW WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL AND NEW.outcome = 'succeeded'
        AND NEW.tells <> '')
    EXECUTE FUNCTION outbox_tell_owner();
"""
BACKWARD = """
DROP TRIGGER outbox_owner ON ledger_operation;
DROP FUNCTION outbox_tell_owner();
"""


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_outbox"), ("ledger", "0012_tells")]
    operations = [
        migrations.AlterField(
            "destination",
            "kind",
            models.TextField(
                choices=[("webhook", "webhook"), ("e-mail", "e-mail"), ("owners", "e-mail to owners")]
            ),
        ),
        migrations.AddConstraint(
            "destination",
            models.UniqueConstraint(fields=["kind"], condition=Q(kind="owners"), name="one_destination_of_owners"),
        ),
        migrations.AddField("message", "to", models.TextField(blank=True, default="", db_default="")),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
