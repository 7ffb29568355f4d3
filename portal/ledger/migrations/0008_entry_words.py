"""The words of a kind of entry; the database does not change."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0007_folded_search'),
    ]

    operations = [
        migrations.AlterField(
            model_name='entry',
            name='kind',
            field=models.TextField(choices=[('begun', 'requested'), ('sent', 'sent to Ona'), ('unknown', 'outcome unknown'), ('closed', 'ended'), ('changed', 'changed'), ('chained later', 'in the ledger before the chain')]),
        ),
    ]
