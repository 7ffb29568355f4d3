"""Whom an operation tells how it ended."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0011_access_log")]
    operations = [
        migrations.AddField("operation", "tells", models.TextField(blank=True, default="", db_default="")),
    ]
