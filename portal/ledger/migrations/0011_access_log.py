"""The access log, in the chain of the ledger; and where operations were requested from."""

import django.contrib.postgres.indexes
import django.db.models.functions.comparison
import django.db.models.functions.text
import portal.lists.folding
import uuid
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION ledger_chain_access() RETURNS trigger LANGUAGE plpgsql SET TimeZone = 'UTC' AS $$
BEGIN
    PERFORM ledger_append(NEW.id, 'access', (to_jsonb(NEW) - 'search')::text);
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_access_lock BEFORE INSERT ON ledger_accessentry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_lock_chain();
CREATE TRIGGER ledger_access_chain AFTER INSERT ON ledger_accessentry
    FOR EACH ROW EXECUTE FUNCTION ledger_chain_access();
CREATE TRIGGER ledger_access_keep BEFORE UPDATE OR DELETE ON ledger_accessentry
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_access_truncate BEFORE TRUNCATE ON ledger_accessentry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
"""
BACKWARD = """
DROP TRIGGER ledger_access_truncate ON ledger_accessentry;
DROP TRIGGER ledger_access_keep ON ledger_accessentry;
DROP TRIGGER ledger_access_chain ON ledger_accessentry;
DROP TRIGGER ledger_access_lock ON ledger_accessentry;
DROP FUNCTION ledger_chain_access();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0010_operation_by_token'),
    ]

    operations = [
        migrations.AddField(
            model_name='operation',
            name='address',
            field=models.GenericIPAddressField(null=True),
        ),
        migrations.AddField(
            model_name='operation',
            name='browser',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
        migrations.AlterField(
            model_name='entry',
            name='kind',
            field=models.TextField(choices=[('begun', 'requested'), ('sent', 'sent to Ona'), ('unknown', 'outcome unknown'), ('closed', 'ended'), ('changed', 'changed'), ('access', 'access'), ('chained later', 'in the ledger before the chain')]),
        ),
        migrations.CreateModel(
            name='AccessEntry',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('kind', models.TextField()),
                ('outcome', models.TextField(choices=[('allowed', 'allowed'), ('refused', 'refused')])),
                ('actor_id', models.BigIntegerField(null=True)),
                ('actor_name', models.TextField(blank=True)),
                ('token', models.TextField(blank=True)),
                ('address', models.GenericIPAddressField(null=True)),
                ('browser', models.TextField(blank=True)),
                ('subject', models.TextField(blank=True)),
                ('environment_id', models.UUIDField(null=True)),
                ('why', models.TextField(blank=True)),
                ('before', models.JSONField(default=dict)),
                ('after', models.JSONField(default=dict)),
                ('search', models.GeneratedField(db_persist=True, expression=portal.lists.folding.Folded(django.db.models.functions.text.Concat(models.F('actor_name'), models.Value('\n', output_field=models.TextField()), models.F('subject'), models.Value('\n', output_field=models.TextField()), models.F('why'), models.Value('\n', output_field=models.TextField()), models.F('token'), models.Value('\n', output_field=models.TextField()), models.F('browser'), models.Value('\n', output_field=models.TextField()), django.db.models.functions.comparison.Cast('environment_id', models.TextField()))), output_field=models.TextField())),
            ],
            options={
                'verbose_name_plural': 'access entries',
                'permissions': [('read_access_log', 'Can read the access log')],
                'default_permissions': (),
                'indexes': [models.Index(models.OrderBy(models.F('at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='access_newest'), models.Index(models.F('kind'), models.OrderBy(models.F('at'), descending=True), name='access_of_kind'), models.Index(models.F('actor_name'), models.OrderBy(models.F('at'), descending=True), name='access_of_actor'), models.Index(models.F('address'), models.OrderBy(models.F('at'), descending=True), name='access_of_address'), django.contrib.postgres.indexes.GinIndex(fields=['search'], name='access_search', opclasses=['gin_trgm_ops'])],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
