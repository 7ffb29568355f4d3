import django.db.models.functions.comparison
import django.db.models.functions.text
from django.db import migrations, models

import portal.lists.folding
from portal.lists.generated import SetExpression


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0006_content_digest'),
    ]

    operations = [
        SetExpression(
            model_name='auditlog',
            name='search',
            field=models.GeneratedField(db_persist=True, expression=portal.lists.folding.Folded(django.db.models.functions.text.Concat(models.F('action'), models.Value('\n', output_field=models.TextField()), models.F('subject_type'), models.Value('\n', output_field=models.TextField()), django.db.models.functions.comparison.Cast('subject_id', models.TextField()), models.Value('\n', output_field=models.TextField()), django.db.models.functions.comparison.Cast('actor_id', models.TextField()))), output_field=models.TextField()),
        ),
        SetExpression(
            model_name='operation',
            name='search',
            field=models.GeneratedField(db_persist=True, expression=portal.lists.folding.Folded(django.db.models.functions.text.Concat(models.F('target_name'), models.Value('\n', output_field=models.TextField()), models.F('actor_name'), models.Value('\n', output_field=models.TextField()), models.F('action'), models.Value('\n', output_field=models.TextField()), models.F('reason'), models.Value('\n', output_field=models.TextField()), models.F('message'), models.Value('\n', output_field=models.TextField()), django.db.models.functions.comparison.Cast('target_id', models.TextField()), models.Value('\n', output_field=models.TextField()), django.db.models.functions.comparison.Cast('environment_id', models.TextField()), models.Value('\n', output_field=models.TextField()), django.db.models.functions.comparison.Cast('id', models.TextField()))), output_field=models.TextField()),
        ),
    ]
