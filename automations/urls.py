from django.urls import path

from automations import list_urls
from automations.actions import views as actions_views
from automations.batches import plan_views
from automations.batches import views as batches_views
from automations.batches.list import BATCH_ITEMS, BATCHES
from automations.environment_tab import views as environment_tab_views
from automations.executions import action_views, detail
from automations.file import views as file_views
from automations.logs import views as logs_views
from portal.lists.views import urls

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
    *urls(BATCHES, page="operations/batches/", export="operations/batches/export/"),
    path("operations/batches/new/", plan_views.batch_new, name="batch-new"),
    *urls(
        BATCH_ITEMS,
        page="operations/batches/<uuid:batch_id>/",
        export="operations/batches/<uuid:batch_id>/export/",
    ),
    path("operations/batches/<uuid:batch_id>/cancel/", batches_views.batch_cancel, name="batch-cancel"),
    path("operations/batches/<uuid:batch_id>/continue/", batches_views.batch_continue, name="batch-continue"),
    *action_views.urlpatterns,
    *logs_views.urlpatterns,
]
