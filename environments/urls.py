from django.urls import path

from environments.actions.views import lifecycle, specification, tokens
from environments.actions.views.creation import environment_create
from environments.detail.views import environment_detail
from environments.export_views import timeline_export
from environments.list.list import ENVIRONMENTS
from environments.secrets import urls as secrets_urls
from environments.timeline import views
from portal.lists.views import urls

app_name = "environments"
urlpatterns = [
    *urls(ENVIRONMENTS),
    path("new/", environment_create, name="create"),
    path("<uuid:environment_id>/", environment_detail, name="detail"),
    *lifecycle.urls(),
    *tokens.urls(),
    *specification.urls(),
    *views.urls(),
    path("<uuid:environment_id>/timeline/export/", timeline_export, name="timeline-export"),
    *secrets_urls.of_environment,
]
