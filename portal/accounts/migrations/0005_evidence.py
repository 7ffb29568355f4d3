from django.db import migrations

from portal.accounts.roles import grant_roles


def grant(apps, schema_editor):
    grant_roles(apps)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_chain"),
        ("automations", "0003_lists"),
        ("directory", "0002_policies"),
        ("environments", "0007_audit_logs"),
        ("ledger", "0005_audit_logs"),
    ]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
