"""A transition that matters becomes a message in the transaction that recorded it."""

from django.db import migrations

# As environments.models.transition.TELLING.
FORWARD = """
CREATE FUNCTION outbox_tell_transition() RETURNS trigger LANGUAGE plpgsql SET TimeZone = 'UTC' AS $$
DECLARE
    kind_told text := 'environment.' || CASE NEW.field
        WHEN 'archived_at' THEN 'archived' WHEN 'lockdown_at' THEN 'lockdown' WHEN 'gone_at' THEN 'deleted'
        ELSE NEW.field END;
BEGIN
    PERFORM outbox_tell(kind_told, NEW.environment_id, (
        SELECT jsonb_build_object(
            'id', NEW.id, 'environment_id', NEW.environment_id, 'name', name, 'project_name', project_name,
            'owner_name', owner_name, 'field', NEW.field, 'old', NEW.old, 'new', NEW.new,
            'old_seen_at', NEW.old_seen_at, 'seen_at', NEW.seen_at)
        FROM environments_environment WHERE id = NEW.environment_id));
    RETURN NULL;
END $$;

CREATE TRIGGER outbox_transition AFTER INSERT ON environments_transition
    FOR EACH ROW WHEN (NEW.field IN ('phase', 'failure', 'archived_at', 'lockdown_at', 'gone_at'))
    EXECUTE FUNCTION outbox_tell_transition();
"""
BACKWARD = """
DROP TRIGGER outbox_transition ON environments_transition;
DROP FUNCTION outbox_tell_transition();
"""


class Migration(migrations.Migration):
    dependencies = [("environments", "0013_event_stream"), ("outbox", "0001_outbox")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
