from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0008_entry_words")]
    operations = [
        migrations.AddField(
            model_name="operation",
            name="token",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
    ]
