"""The pages across the organization, apart from batches and the page of one execution."""

from django.urls import path

from automations import export_views
from automations.by_reference import service_views, task_views
from automations.executions.list import EXECUTIONS
from portal.lists.views import urls

urlpatterns = [
    *urls(
        EXECUTIONS,
        page="automations/",
        changes="automations/executions/changes/",
        facets="automations/executions/facets/",
        export="automations/export/",
    ),
    # not beneath their lists, where a task or a service may be called "export"
    path("automations/export/tasks/", export_views.tasks_export, name="tasks-export"),
    path("automations/export/services/", export_views.services_export, name="services-export"),
    path("automations/tasks/<slug:reference>/export/", export_views.task_export, name="task-export"),
    path("automations/services/<slug:reference>/export/", export_views.service_export, name="service-export"),
    path("automations/batches/export/", export_views.batch_export, name="batch-export"),
    path("automations/batches/<uuid:batch_id>/export/", export_views.batch_items_export, name="batch-items-export"),
    path("automations/tasks/", task_views.task_list, name="tasks"),
    path("automations/tasks/<slug:reference>/", task_views.task_detail, name="task"),
    path("automations/services/", service_views.service_list, name="services"),
    path("automations/services/<slug:reference>/", service_views.service_detail, name="service"),
]
