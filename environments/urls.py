from django.urls import path

from environments.actions import lifecycle, specification, tokens
from environments.actions.views import action
from environments.actions.views.creation import environment_create
from environments.actions.views.tokens import TOKEN
from environments.detail.views import environment_detail
from environments.export_views import environment_export, timeline_export
from environments.list.views import environment_changes, environment_facets, environment_list
from environments.secrets import urls
from environments.timeline import views

app_name = "environments"
urlpatterns = [
    path("", environment_list, name="list"),
    path("changes/", environment_changes, name="changes"),
    path("facets/", environment_facets, name="facets"),
    path("export/", environment_export, name="export"),
    path("new/", environment_create, name="create"),
    path("<uuid:environment_id>/", environment_detail, name="detail"),
    *action.urls([*lifecycle.ACTIONS, *specification.ACTIONS], action.ENVIRONMENT, "<uuid:environment_id>/"),
    *action.urls(tokens.ACTIONS, TOKEN, "<uuid:environment_id>/"),
    *views.urls(),
    path("<uuid:environment_id>/timeline/export/", timeline_export, name="timeline-export"),
    *urls.of_environment,
]
