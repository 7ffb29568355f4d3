from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_audit_logs")]
    operations = [
        migrations.AddField(
            model_name="operation",
            name="content_digest",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
    ]
