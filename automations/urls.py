from django.urls import path

from automations import list_urls
from automations.views import execution, execution_acts, file, logs, tab

app_name = "automations"
urlpatterns = [
    *list_urls.urlpatterns,
    path("environments/<uuid:environment_id>/automations/", tab.of_environment, name="of-environment"),
    path("environments/<uuid:environment_id>/automations/file/", file.automations_file, name="file"),
    path("environments/<uuid:environment_id>/automations/file.yaml", file.download, name="file-download"),
    path("automations/executions/<uuid:execution_id>/", execution.execution_detail, name="execution"),
    *execution_acts.urls(),
    *logs.urlpatterns,
]
