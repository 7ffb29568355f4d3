"""The addresses of this app's actions below `/api/v1/`."""

from django.urls import path

from environments.actions import lifecycle, specification, tokens
from environments.actions.api.creation import create_one
from environments.actions.api.endpoint import action_endpoint, urls
from environments.actions.views.action import ENVIRONMENT
from environments.secrets.actions import ADD_SECRET, DELETE_SECRET, UPDATE_SECRET
from environments.secrets.views import STAGE

add, update, delete = (action_endpoint(action, STAGE) for action in (ADD_SECRET, UPDATE_SECRET, DELETE_SECRET))
ONE = "environments/<uuid:environment_id>/"

urlpatterns = [
    path("environments/actions/create/", create_one, name="create"),
    *urls([*lifecycle.ACTIONS, *specification.ACTIONS, *tokens.ACTIONS], ENVIRONMENT, ONE),
    path(f"{ONE}actions/add-secret/", add, name="add-secret-of-environment"),
    path("secrets/actions/add/", add, name="add-secret"),
    path("secrets/<uuid:secret_id>/actions/rotate/", update, name="rotate-secret"),
    path("secrets/<uuid:secret_id>/actions/delete/", delete, name="delete-secret"),
]
