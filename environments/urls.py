from django.urls import path

from environments import secret_urls
from environments.views import act, editor, timeline, tokens
from environments.views.create import environment_create
from environments.views.detail import environment_detail
from environments.views.export import environment_export, timeline_export
from environments.views.list import environment_changes, environment_facets, environment_list

app_name = "environments"
urlpatterns = [
    path("", environment_list, name="list"),
    path("changes/", environment_changes, name="changes"),
    path("facets/", environment_facets, name="facets"),
    path("export/", environment_export, name="export"),
    path("new/", environment_create, name="create"),
    path("<uuid:environment_id>/", environment_detail, name="detail"),
    *act.urls(),
    *tokens.urls(),
    *editor.urls(),
    *timeline.urls(),
    path("<uuid:environment_id>/timeline/export/", timeline_export, name="timeline-export"),
    *secret_urls.of_environment,
]
