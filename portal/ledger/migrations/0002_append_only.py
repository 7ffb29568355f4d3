"""The database itself keeps the ledger: nothing is deleted, what was asked for never changes, what is closed is closed."""

from django.db import migrations

# What may be written after the row was made, and until it is closed. The target of a creation is known afterwards.
LATER = ("after", "sent_at", "closed_at", "outcome", "code", "message", "request_id", "explanation", "search")
ONCE = ("target_id", "environment_id")

FORWARD = f"""
CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger refuses %: its rows are kept for good', TG_OP USING ERRCODE = '23001';
END $$;

CREATE FUNCTION ledger_check_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.outcome <> 'pending' OR NEW.closed_at IS NOT NULL OR NEW.sent_at IS NOT NULL THEN
        RAISE EXCEPTION 'the ledger refuses INSERT: an operation begins as pending' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION ledger_check_update() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    later text[] := ARRAY[{", ".join(f"'{name}'" for name in LATER + ONCE)}];
BEGIN
    IF OLD.closed_at IS NOT NULL THEN
        RAISE EXCEPTION 'the ledger refuses UPDATE: operation % is closed', OLD.id USING ERRCODE = '23001';
    END IF;
    IF to_jsonb(OLD) - later IS DISTINCT FROM to_jsonb(NEW) - later
        OR (OLD.target_id IS NOT NULL AND NEW.target_id IS DISTINCT FROM OLD.target_id)
        OR (OLD.environment_id IS NOT NULL AND NEW.environment_id IS DISTINCT FROM OLD.environment_id)
        OR (OLD.sent_at IS NOT NULL AND NEW.sent_at IS DISTINCT FROM OLD.sent_at) THEN
        RAISE EXCEPTION 'the ledger refuses UPDATE: what was asked for in operation % stays', OLD.id
            USING ERRCODE = '23001';
    END IF;
    IF (NEW.outcome = 'pending' AND (OLD.outcome <> 'pending' OR NEW.closed_at IS NOT NULL))
        OR (NEW.outcome IN ('succeeded', 'failed') AND NEW.closed_at IS NULL) THEN
        RAISE EXCEPTION 'the ledger refuses UPDATE: operation % cannot become %', OLD.id, NEW.outcome
            USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER ledger_insert BEFORE INSERT ON ledger_operation
    FOR EACH ROW EXECUTE FUNCTION ledger_check_insert();
CREATE TRIGGER ledger_update BEFORE UPDATE ON ledger_operation
    FOR EACH ROW EXECUTE FUNCTION ledger_check_update();
CREATE TRIGGER ledger_delete BEFORE DELETE ON ledger_operation
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_truncate BEFORE TRUNCATE ON ledger_operation
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
"""
BACKWARD = """
DROP TRIGGER ledger_truncate ON ledger_operation;
DROP TRIGGER ledger_delete ON ledger_operation;
DROP TRIGGER ledger_update ON ledger_operation;
DROP TRIGGER ledger_insert ON ledger_operation;
DROP FUNCTION ledger_check_update();
DROP FUNCTION ledger_check_insert();
DROP FUNCTION ledger_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
