"""Every write of an operation becomes an entry of a chain, by a trigger: nothing that writes the ledger can forget it."""

from django.db import migrations, models
from django.db.models import F

# "ledger": writers of the chain come one after another, each until it has committed
LOCK = int.from_bytes(b"ledger", "big")
# Every so many entries the head goes into Postgres' own log, which is not among its tables.
LOGGED = 1000

FUNCTIONS = f"""
CREATE FUNCTION ledger_lock_chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- before any row is locked, so that no two writers can wait for each other
    PERFORM pg_advisory_xact_lock({LOCK});
    RETURN NULL;
END $$;

-- The caller holds the lock: what was the last entry is the last one still.
CREATE FUNCTION ledger_append(about uuid, kind_written text, written text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    number bigint;
    link text;
    now_is timestamptz := clock_timestamp();
    digest_written text := encode(sha256(convert_to(written, 'UTF8')), 'hex');
BEGIN
    SELECT sequence + 1, hash INTO number, link FROM ledger_entry ORDER BY sequence DESC LIMIT 1;
    number := coalesce(number, 1);
    link := coalesce(link, repeat('0', 64));
    INSERT INTO ledger_entry (sequence, operation_id, kind, content, digest, previous, at, hash)
    VALUES (number, about, kind_written, written, digest_written, link, now_is,
        encode(sha256(convert_to(concat_ws(E'\\n', link, number, about, kind_written,
            to_char(now_is AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), digest_written), 'UTF8')), 'hex'))
    RETURNING hash INTO link;
    IF number % {LOGGED} = 0 THEN
        RAISE LOG 'ledger chain: the head is %:%', link, number;
    END IF;
END $$;

-- The time zone is part of what times look like in JSON.
CREATE FUNCTION ledger_chain() RETURNS trigger LANGUAGE plpgsql SET TimeZone = 'UTC' AS $$
DECLARE
    is_now jsonb := to_jsonb(NEW) - 'search';
    written jsonb := is_now;
    was jsonb;
    kind_written text := 'begun';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        was := to_jsonb(OLD);
        -- as text: to jsonb, 1 and 1.0 are the same
        SELECT jsonb_object_agg(key, value) INTO written FROM jsonb_each(is_now)
            WHERE value::text IS DISTINCT FROM (was -> key)::text;
        IF written IS NULL THEN
            RETURN NULL;
        END IF;
        kind_written := CASE
            WHEN OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL THEN 'closed'
            WHEN OLD.outcome <> 'unknown' AND NEW.outcome = 'unknown' THEN 'unknown'
            WHEN OLD.sent_at IS NULL AND NEW.sent_at IS NOT NULL THEN 'sent'
            ELSE 'changed'
        END;
    END IF;
    PERFORM ledger_append(NEW.id, kind_written, written::text);
    RETURN NULL;
END $$;
"""

# What is there already, in the order it was asked for; nobody writes meanwhile.
BACKFILL = f"""
DO $$
DECLARE
    operation ledger_operation;
BEGIN
    LOCK TABLE ledger_operation IN SHARE ROW EXCLUSIVE MODE;
    PERFORM pg_advisory_xact_lock({LOCK});
    FOR operation IN SELECT * FROM ledger_operation ORDER BY asked_at, id LOOP
        PERFORM ledger_append(operation.id, 'chained later', (to_jsonb(operation) - 'search')::text);
    END LOOP;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER ledger_chain_lock BEFORE INSERT OR UPDATE ON ledger_operation
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_lock_chain();
CREATE TRIGGER ledger_chain AFTER INSERT OR UPDATE ON ledger_operation
    FOR EACH ROW EXECUTE FUNCTION ledger_chain();
CREATE TRIGGER ledger_entry_insert BEFORE INSERT ON ledger_entry
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_entry_keep BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_entry_truncate BEFORE TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_verification_keep BEFORE UPDATE OR DELETE ON ledger_verification
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_verification_truncate BEFORE TRUNCATE ON ledger_verification
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
"""

BACKWARD = """
DROP TRIGGER ledger_verification_truncate ON ledger_verification;
DROP TRIGGER ledger_verification_keep ON ledger_verification;
DROP TRIGGER ledger_entry_truncate ON ledger_entry;
DROP TRIGGER ledger_entry_keep ON ledger_entry;
DROP TRIGGER ledger_entry_insert ON ledger_entry;
DROP TRIGGER ledger_chain ON ledger_operation;
DROP TRIGGER ledger_chain_lock ON ledger_operation;
DROP FUNCTION ledger_chain();
DROP FUNCTION ledger_append(uuid, text, text);
DROP FUNCTION ledger_lock_chain();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_parent")]
    operations = [
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("sequence", models.BigIntegerField(primary_key=True, serialize=False)),
                ("operation_id", models.UUIDField()),
                (
                    "kind",
                    models.TextField(
                        choices=[
                            ("begun", "asked for"),
                            ("sent", "sent to Ona"),
                            ("unknown", "outcome unknown"),
                            ("closed", "ended"),
                            ("changed", "changed"),
                            ("chained later", "in the ledger before the chain"),
                        ]
                    ),
                ),
                ("content", models.TextField()),
                ("digest", models.TextField()),
                ("previous", models.TextField()),
                ("hash", models.TextField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "entries",
                "indexes": [models.Index(fields=["operation_id", "sequence"], name="entry_of_operation")],
            },
        ),
        migrations.CreateModel(
            name="Verification",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField()),
                ("entries", models.BigIntegerField()),
                ("operations", models.BigIntegerField()),
                ("head_sequence", models.BigIntegerField()),
                ("head_hash", models.TextField(blank=True)),
                ("found", models.BigIntegerField()),
                ("findings", models.JSONField(default=list)),
                ("seal", models.TextField()),
            ],
            options={
                "indexes": [models.Index(F("finished_at").desc(), name="verification_newest")],
            },
        ),
        migrations.RunSQL(FUNCTIONS + BACKFILL + TRIGGERS, BACKWARD),
    ]
