from django.urls import path

from environments.actions import lifecycle, metadata, specification, tokens
from environments.actions.views import action
from environments.actions.views.creation import environment_create
from environments.actions.views.tokens import TOKEN
from environments.detail.views import environment_detail
from environments.list.list import ENVIRONMENTS
from environments.list.running import RUNNING
from environments.secrets import urls as secrets_urls
from environments.timeline import views
from portal.lists.views import urls

app_name = "environments"
urlpatterns = [
    *urls(ENVIRONMENTS),
    *urls(RUNNING, page="running/", facets="running/facets/", export="running/export/"),
    path("new/", environment_create, name="create"),
    path("<uuid:environment_id>/", environment_detail, name="detail"),
    *action.urls(
        [*lifecycle.ACTIONS, *metadata.ACTIONS, *specification.ACTIONS], action.ENVIRONMENT, "<uuid:environment_id>/"
    ),
    *action.urls(tokens.ACTIONS, TOKEN, "<uuid:environment_id>/"),
    *views.urls(),
    *secrets_urls.of_environment,
]
