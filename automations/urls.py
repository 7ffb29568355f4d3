from django.urls import path

from automations import list_urls
from automations.actions import views as actions_views
from automations.batches import plan_views
from automations.batches import views as batches_views
from automations.environment_tab import views as environment_tab_views
from automations.executions import action_views, detail
from automations.file import views as file_views
from automations.logs import views as logs_views

app_name = "automations"
urlpatterns = [
    *list_urls.urlpatterns,
    path(
        "environments/<uuid:environment_id>/automations/", environment_tab_views.of_environment, name="of-environment"
    ),
    *actions_views.urlpatterns,
    path("environments/<uuid:environment_id>/automations/file/", file_views.automations_file, name="file"),
    path("environments/<uuid:environment_id>/automations/file.yaml", file_views.download, name="file-download"),
    path("automations/executions/<uuid:execution_id>/", detail.execution_detail, name="execution"),
    path("automations/batches/", batches_views.batch_list, name="batches"),
    path("automations/batches/new/", plan_views.batch_new, name="batch-new"),
    path("automations/batches/<uuid:batch_id>/", batches_views.batch_detail, name="batch"),
    path("automations/batches/<uuid:batch_id>/cancel/", batches_views.batch_cancel, name="batch-cancel"),
    *action_views.urlpatterns,
    *logs_views.urlpatterns,
]
