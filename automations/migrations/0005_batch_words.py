"""The words of a batch item's state; the database does not change."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('automations', '0004_folded_search'),
    ]

    operations = [
        migrations.AlterField(
            model_name='batchitem',
            name='state',
            field=models.TextField(choices=[('waiting', 'waiting'), ('asked', 'requested'), ('under_way', 'in progress'), ('succeeded', 'succeeded'), ('failed', 'failed'), ('stopped', 'stopped'), ('left_out', 'skipped'), ('unknown', 'unknown')], default='waiting'),
        ),
    ]
