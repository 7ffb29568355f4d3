"""Batches in several steps, with a first wave, a waiting time, or one that takes another back."""

from typing import ClassVar

from django.db import migrations, models

STATES = [
    ("waiting", "waiting"), ("asked", "requested"), ("under_way", "in progress"), ("succeeded", "succeeded"),
    ("failed", "failed"), ("stopped", "stopped"), ("left_out", "skipped"), ("unknown", "unknown"),
]  # fmt: skip


class Migration(migrations.Migration):
    dependencies: ClassVar = [("automations", "0005_batch_words")]
    operations: ClassVar = [
        migrations.AddField("batch", "undo_of", models.UUIDField(null=True)),
        migrations.AddField("batch", "look_after", models.IntegerField(null=True)),
        migrations.AddField("batch", "begins_at", models.DateTimeField(null=True)),
        migrations.AddField("batch", "continued_at", models.DateTimeField(null=True)),
        migrations.AddField("batch", "continued_by", models.TextField(blank=True, default="")),
        migrations.AddField("batchitem", "steps", models.JSONField(default=list)),
        migrations.AddField("batchitem", "step", models.IntegerField(default=0)),
        migrations.AddField("batchitem", "result", models.TextField(blank=True, choices=STATES, default="")),
        migrations.AddField("batchitem", "result_why", models.TextField(blank=True, default="")),
    ]
