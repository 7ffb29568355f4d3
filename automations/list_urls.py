"""The pages across the organization, apart from batches and the page of one execution."""

from automations.by_reference.list import SERVICES, TASKS
from automations.by_reference.occurrences import SERVICE_ENVIRONMENTS, TASK_ENVIRONMENTS
from automations.executions.list import EXECUTIONS
from portal.lists.views import urls
from portal.web import addresses as addresses  # the converter `any`

urlpatterns = [
    *urls(
        EXECUTIONS,
        page="automations/",
        changes="automations/executions/changes/",
        facets="automations/executions/facets/",
        export="automations/export/",
    ),
    # not beneath their lists, where a task or a service may be called "export"
    *urls(TASKS, page="automations/tasks/", export="automations/export/tasks/"),
    *urls(SERVICES, page="automations/services/", export="automations/export/services/"),
    *urls(
        TASK_ENVIRONMENTS,
        page="automations/tasks/<any:reference>/",
        export="automations/tasks/<any:reference>/export/",
    ),
    *urls(
        SERVICE_ENVIRONMENTS,
        page="automations/services/<any:reference>/",
        export="automations/services/<any:reference>/export/",
    ),
]
