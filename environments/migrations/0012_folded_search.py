import django.db.models.functions.comparison
import django.db.models.functions.text
from django.db import migrations, models

import portal.lists.folding
from portal.lists.generated import SetExpression


class Migration(migrations.Migration):

    dependencies = [
        ('environments', '0011_failing_now'),
    ]

    operations = [
        SetExpression(
            model_name='environment',
            name='search',
            field=models.GeneratedField(db_persist=True, expression=portal.lists.folding.Folded(django.db.models.functions.text.Concat(models.F('name'), models.Value('\n', output_field=models.TextField()), models.F('git_repository'), models.Value('\n', output_field=models.TextField()), models.F('spec_repository'), models.Value('\n', output_field=models.TextField()), models.F('context_url'), models.Value('\n', output_field=models.TextField()), models.F('git_branch'), models.Value('\n', output_field=models.TextField()), models.F('spec_branch'), models.Value('\n', output_field=models.TextField()), models.F('owner_name'), models.Value('\n', output_field=models.TextField()), models.F('owner_email'), models.Value('\n', output_field=models.TextField()), models.F('project_name'), models.Value('\n', output_field=models.TextField()), models.F('failure'), models.Value('\n', output_field=models.TextField()), django.db.models.functions.comparison.Cast('id', models.TextField()))), output_field=models.TextField()),
        ),
        SetExpression(
            model_name='secret',
            name='search',
            field=models.GeneratedField(db_persist=True, expression=portal.lists.folding.Folded(django.db.models.functions.text.Concat(models.F('name'), models.Value('\n', output_field=models.TextField()), models.F('mount_target'), models.Value('\n', output_field=models.TextField()), models.F('scope_name'), models.Value('\n', output_field=models.TextField()), models.F('creator_name'), models.Value('\n', output_field=models.TextField()), models.F('proxy_header'), models.Value('\n', output_field=models.TextField()), django.db.models.functions.comparison.Cast('id', models.TextField()))), output_field=models.TextField()),
        ),
    ]
