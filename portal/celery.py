"""The Celery application and its schedule."""

import os
import time

from celery import Celery
from celery.signals import before_task_publish, heartbeat_sent
from django.conf import settings

from portal.heartbeat import Part, beat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.conf.update(settings.CELERY)
# A message that waits longer than its interval expires: the next one does the same.
app.conf.beat_schedule = {
    name: {"task": task, "schedule": seconds, "kwargs": kwargs, "options": {"expires": seconds}}
    for name, task, seconds, kwargs in (
        ("environments", "environments.tasks.sync_environments", settings.SWEEP_SECONDS, {"if_due": True}),
        ("operations", "environments.tasks.settle_operations", settings.SETTLE_SECONDS, {}),
        ("ledger", "portal.ledger.tasks.verify_ledger", settings.VERIFY_SECONDS, {}),
        ("audit logs", "environments.tasks.sync_audit_logs", settings.AUDIT_LOG_SECONDS, {}),
        ("directory", "environments.tasks.sync_directory", settings.DIRECTORY_SECONDS, {}),
        ("what is under way", "automations.tasks.follow_executions", settings.FOLLOW_SECONDS, {"if_due": True}),
        ("background jobs", "portal.jobs.tasks.run_jobs", settings.JOB_SECONDS, {}),
        ("expired jobs", "portal.jobs.tasks.delete_expired_jobs", 600, {}),
        ("messages", "portal.outbox.tasks.deliver_messages", settings.OUTBOX_SECONDS, {}),
        ("old messages", "portal.outbox.tasks.delete_old_messages", 86_400, {}),
        ("batches", "automations.batches.tasks.drive_batches", settings.BATCH_SECONDS, {}),
        (
            "automations",
            "automations.tasks.sync_automations",
            settings.SWEEP_SECONDS,
            {"everything": False, "if_due": True},
        ),
        (
            "all automations",
            "automations.tasks.sync_automations",
            settings.ALL_AUTOMATIONS_SECONDS,
            {"everything": True},
        ),
    )
}
app.autodiscover_tasks()


@before_task_publish.connect
def note_when_sent(headers: dict[str, object], **_: object) -> None:
    """A message tells when it was sent, for the age of the queue (portal.metrics)."""
    headers["sent_at"] = time.time()


@heartbeat_sent.connect
def worker_is_alive(**_: object) -> None:
    """A worker sent Celery's own heartbeat."""
    beat(Part.WORKER)
