"""A batch takes an environment more than once, where it is about several executions in it."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("automations", "0006_steps_of_batches")]
    operations: ClassVar = [
        migrations.RemoveConstraint("batchitem", "item_of_batch"),
        migrations.AddConstraint(
            "batchitem", models.UniqueConstraint(fields=["batch", "target_id"], name="item_of_batch")
        ),
    ]
