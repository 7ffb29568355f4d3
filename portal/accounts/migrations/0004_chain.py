from django.db import migrations

from portal.accounts.roles import grant_roles


def grant(apps, schema_editor):
    grant_roles(apps)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_automations"), ("ledger", "0004_chain"), ("directory", "0002_policies")]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
