from django.db import migrations

from portal.accounts.roles import grant_roles


def grant(apps, schema_editor):
    grant_roles(apps)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_api_tokens"), ("ledger", "0011_access_log")]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
