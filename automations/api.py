"""The addresses of this app's actions below `/api/v1/`."""

from django.urls import path

from automations.actions.views import all_urls
from automations.batches import api as batches
from automations.executions.action_views import STAGE
from automations.executions.detail import RUN_AGAIN, STOP
from automations.file.api import apply_one, plan_one, read_one
from automations.logs import api as logs
from environments.actions.api.endpoint import urls

ONE = "environments/<uuid:environment_id>/"

urlpatterns = [
    *logs.urlpatterns,
    *all_urls(ONE, urls),
    path(f"{ONE}actions/apply-automations-file/", apply_one, name="apply-automations-file"),
    path(f"{ONE}actions/plan-automations-file/", plan_one, name="plan-automations-file"),
    path(f"{ONE}automations-file/", read_one, name="automations-file"),
    *urls((STOP, RUN_AGAIN), STAGE, "executions/<uuid:execution_id>/", "{}-execution"),
    path("batches/actions/plan/", batches.plan, name="plan-batch"),
    path("batches/actions/start/", batches.start, name="start-batch"),
    path("batches/<uuid:batch_id>/actions/cancel/", batches.cancel, name="cancel-batch"),
    path("batches/<uuid:batch_id>/actions/continue/", batches.continue_, name="continue-batch"),
    path("batches/<uuid:batch_id>/actions/retry/", batches.retry, name="retry-batch"),
]
