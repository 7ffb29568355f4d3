import django.contrib.auth.models
from django.db import migrations

from portal.accounts.roles import grant_roles


def grant(apps, schema_editor):
    grant_roles(apps)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0009_access_log'),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='Person',
            fields=[
            ],
            options={
                'verbose_name_plural': 'people',
                'permissions': [('see_people', 'Can see people, their roles and last sign-in'), ('manage_people', 'Can invite and deactivate people and change their roles')],
                'proxy': True,
                'default_permissions': (),
                'indexes': [],
                'constraints': [],
            },
            bases=('auth.user',),
            managers=[
                ('objects', django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
