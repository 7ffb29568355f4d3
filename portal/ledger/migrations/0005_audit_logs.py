"""Ona's own audit log beside the ledger; the database keeps its rows: only the operation behind one may be added."""

import django.contrib.postgres.indexes
import django.db.models.functions.comparison
import django.db.models.functions.text
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION ledger_check_auditlog() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kept text[] := ARRAY['operation_id', 'search'];  -- what is generated is not there yet
BEGIN
    IF OLD.operation_id IS NOT NULL
        OR to_jsonb(OLD) - kept IS DISTINCT FROM to_jsonb(NEW) - kept THEN
        RAISE EXCEPTION 'the ledger refuses UPDATE: entry % of the audit log stays as Ona told it', OLD.id
            USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER ledger_auditlog_update BEFORE UPDATE ON ledger_auditlog
    FOR EACH ROW EXECUTE FUNCTION ledger_check_auditlog();
CREATE TRIGGER ledger_auditlog_delete BEFORE DELETE ON ledger_auditlog
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_auditlog_truncate BEFORE TRUNCATE ON ledger_auditlog
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
"""
BACKWARD = """
DROP TRIGGER ledger_auditlog_truncate ON ledger_auditlog;
DROP TRIGGER ledger_auditlog_delete ON ledger_auditlog;
DROP TRIGGER ledger_auditlog_update ON ledger_auditlog;
DROP FUNCTION ledger_check_auditlog();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0004_chain'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditLogGap',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('start', models.DateTimeField(null=True)),
                ('end', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='AuditLog',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('actor_id', models.UUIDField(null=True)),
                ('actor_principal', models.TextField(blank=True, default='')),
                ('subject_id', models.UUIDField(null=True)),
                ('subject_type', models.TextField(blank=True, default='')),
                ('action', models.TextField(blank=True, default='')),
                ('kind', models.TextField(blank=True, default='')),
                ('document', models.JSONField(default=dict)),
                ('kept_at', models.DateTimeField()),
                ('is_own', models.BooleanField(default=False)),
                ('operation_id', models.UUIDField(null=True)),
                ('search', models.GeneratedField(db_persist=True, expression=django.db.models.functions.text.Upper(django.db.models.functions.text.Concat(models.F('action'), models.Value('\n', output_field=models.TextField()), models.F('subject_type'), models.Value('\n', output_field=models.TextField()), django.db.models.functions.comparison.Cast('subject_id', models.TextField()), models.Value('\n', output_field=models.TextField()), django.db.models.functions.comparison.Cast('actor_id', models.TextField()))), output_field=models.TextField())),
            ],
            options={
                'indexes': [models.Index(models.OrderBy(models.F('at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='auditlog_newest'), models.Index(models.OrderBy(models.F('at'), descending=True), models.OrderBy(models.F('id'), descending=True), condition=models.Q(('operation_id', None)), name='auditlog_newest_outside'), models.Index(models.F('subject_id'), models.OrderBy(models.F('at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='auditlog_of_subject'), models.Index(models.F('actor_id'), models.OrderBy(models.F('at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='auditlog_of_actor'), models.Index(models.F('operation_id'), condition=models.Q(('operation_id__isnull', False)), name='auditlog_of_operation'), models.Index(models.F('at'), condition=models.Q(('is_own', True), ('operation_id', None)), name='auditlog_unmatched'), django.contrib.postgres.indexes.GinIndex(fields=['search'], name='auditlog_search', opclasses=['gin_trgm_ops'])],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
