from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_saved_views")]
    operations = [
        migrations.CreateModel(
            name="KeptForm",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("content", models.BinaryField()),
                ("at", models.DateTimeField()),
            ],
            options={"default_permissions": ()},
        ),
    ]
