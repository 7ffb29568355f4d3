import django.db.models.functions.comparison
import django.db.models.functions.text
from django.db import migrations, models

import portal.lists.folding
from portal.lists.generated import SetExpression


class Migration(migrations.Migration):

    dependencies = [
        ('automations', '0003_lists'),
    ]

    operations = [
        SetExpression(
            model_name='taskexecution',
            name='search',
            field=models.GeneratedField(db_persist=True, expression=portal.lists.folding.Folded(django.db.models.functions.text.Concat(models.F('reference'), models.Value('\n', output_field=models.TextField()), models.F('task_name'), models.Value('\n', output_field=models.TextField()), models.F('environment_name'), models.Value('\n', output_field=models.TextField()), models.F('project_name'), models.Value('\n', output_field=models.TextField()), models.F('owner_name'), models.Value('\n', output_field=models.TextField()), models.F('started_by_name'), models.Value('\n', output_field=models.TextField()), models.F('failure'), models.Value('\n', output_field=models.TextField()), django.db.models.functions.comparison.Cast('id', models.TextField()))), output_field=models.TextField()),
        ),
    ]
