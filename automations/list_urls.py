"""The pages across the organization, apart from batches and the page of one execution."""

from django.urls import path

from automations.views import executions, services, tasks

urlpatterns = [
    path("automations/", executions.execution_list, name="list"),
    path("automations/executions/changes/", executions.execution_changes, name="execution-changes"),
    path("automations/executions/facets/", executions.execution_facets, name="execution-facets"),
    path("automations/tasks/", tasks.task_list, name="tasks"),
    path("automations/tasks/<slug:reference>/", tasks.task_detail, name="task"),
    path("automations/services/", services.service_list, name="services"),
    path("automations/services/<slug:reference>/", services.service_detail, name="service"),
]
