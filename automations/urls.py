from django.urls import path

from automations import list_urls
from automations.views import act, batch_new, batches, define, execution, execution_acts, file, logs, tab

app_name = "automations"
urlpatterns = [
    *list_urls.urlpatterns,
    path("environments/<uuid:environment_id>/automations/", tab.of_environment, name="of-environment"),
    *act.urls(),
    *define.urls(),
    path("environments/<uuid:environment_id>/automations/file/", file.automations_file, name="file"),
    path("environments/<uuid:environment_id>/automations/file.yaml", file.download, name="file-download"),
    path("automations/executions/<uuid:execution_id>/", execution.execution_detail, name="execution"),
    path("automations/batches/", batches.batch_list, name="batches"),
    path("automations/batches/new/", batch_new.batch_new, name="batch-new"),
    path("automations/batches/<uuid:batch_id>/", batches.batch_detail, name="batch"),
    path("automations/batches/<uuid:batch_id>/cancel/", batches.batch_cancel, name="batch-cancel"),
    *execution_acts.urls(),
    *logs.urlpatterns,
]
