"""The pages across the organization, apart from batches and the page of one execution."""

from django.urls import path

from automations.views import executions, exports, services, tasks

urlpatterns = [
    path("automations/", executions.execution_list, name="list"),
    path("automations/executions/changes/", executions.execution_changes, name="execution-changes"),
    path("automations/executions/facets/", executions.execution_facets, name="execution-facets"),
    path("automations/export/", exports.execution_export, name="execution-export"),
    # not beneath their lists, where a task or a service may be called "export"
    path("automations/export/tasks/", exports.tasks_export, name="tasks-export"),
    path("automations/export/services/", exports.services_export, name="services-export"),
    path("automations/tasks/<slug:reference>/export/", exports.task_export, name="task-export"),
    path("automations/services/<slug:reference>/export/", exports.service_export, name="service-export"),
    path("automations/batches/export/", exports.batch_export, name="batch-export"),
    path("automations/batches/<uuid:batch_id>/export/", exports.batch_items_export, name="batch-items-export"),
    path("automations/tasks/", tasks.task_list, name="tasks"),
    path("automations/tasks/<slug:reference>/", tasks.task_detail, name="task"),
    path("automations/services/", services.service_list, name="services"),
    path("automations/services/<slug:reference>/", services.service_detail, name="service"),
]
