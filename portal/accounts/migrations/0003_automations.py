from django.db import migrations

from portal.accounts.roles import grant_roles


def grant(apps, schema_editor):
    grant_roles(apps)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_ledger"),
        ("automations", "0002_transitions_and_batches"),
    ]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
