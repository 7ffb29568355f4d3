"""The addresses of this app's actions below `/api/v1/`."""

from django.urls import path

from environments.actions import lifecycle, metadata, specification, tokens
from environments.actions.api.creation import create_one
from environments.actions.api.endpoint import action_endpoint, urls
from environments.actions.views.action import ENVIRONMENT
from environments.audit import api as audit
from environments.directory_pages import api as directory_pages
from environments.evidence.api import make_one
from environments.overview import api as overview
from environments.secrets.actions import ADD_SECRET, DELETE_SECRET, UPDATE_SECRET
from environments.secrets.views import STAGE
from environments.timeline import api as timeline

ONE = "environments/<uuid:environment_id>/"

urlpatterns = [
    *overview.urlpatterns,
    *directory_pages.urls(),
    *audit.urlpatterns,
    *timeline.urlpatterns,
    path("evidence/", make_one, name="evidence"),
    path("environments/actions/create/", create_one, name="create"),
    *urls([*lifecycle.ACTIONS, *metadata.ACTIONS, *specification.ACTIONS, *tokens.ACTIONS], ENVIRONMENT, ONE),
    *(
        path(address, action_endpoint(action, STAGE, operation_id), name=name)
        for address, action, operation_id, name in (
            (f"{ONE}actions/add-secret/", ADD_SECRET, "environment_add_secret", "add-secret-of-environment"),
            ("secrets/actions/add/", ADD_SECRET, "secret_add", "add-secret"),
            ("secrets/<uuid:secret_id>/actions/rotate/", UPDATE_SECRET, "secret_rotate", "rotate-secret"),
            ("secrets/<uuid:secret_id>/actions/delete/", DELETE_SECRET, "secret_delete", "delete-secret"),
        )
    ),
]
