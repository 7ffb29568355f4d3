from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('environments', '0009_not_in_sync'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='syncrun',
            index=models.Index(models.OrderBy(models.F('started_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='syncrun_newest'),
        ),
        migrations.AddIndex(
            model_name='transition',
            index=models.Index(models.OrderBy(models.F('seen_at'), descending=True), models.OrderBy(models.F('id'), descending=True), condition=models.Q(('field__in', ('phase', 'failure', 'archived_at', 'lockdown_at', 'gone_at'))), name='transition_telling'),
        ),
        migrations.RemoveIndex(
            model_name='environment',
            name='environment_lockdown',
        ),
        migrations.AddIndex(
            model_name='environment',
            index=models.Index(models.F('lockdown_at'), models.F('id'), condition=models.Q(('gone_at', None)), include=('phase',), name='environment_lockdown'),
        ),
    ]
