from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('environments', '0012_folded_search'),
    ]

    operations = [
        migrations.AlterField(
            model_name='syncrun',
            name='kind',
            field=models.TextField(choices=[('environments', 'environments'), ('automations', 'automations of running environments'), ('all_automations', 'automations of all environments'), ('directory', 'directory and policies'), ('secrets', 'secrets'), ('audit_logs', "Ona's audit log"), ('events', 'event stream')]),
        ),
    ]
