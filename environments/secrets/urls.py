"""URLs of secrets: on an environment's page, and of the organization."""

from django.urls import path

from environments.actions.views.action import action_view
from environments.secrets.actions import ADD_SECRET, DELETE_SECRET, UPDATE_SECRET
from environments.secrets.list import SECRETS
from environments.secrets.views import STAGE, secret_page
from portal.lists.views import urls

add, update, delete = (action_view(action, STAGE) for action in (ADD_SECRET, UPDATE_SECRET, DELETE_SECRET))
of_environment = [
    path("<uuid:environment_id>/secrets/add/", add, name="add-secret"),
    path("<uuid:environment_id>/secrets/<uuid:secret_id>/value/", update, name="update-secret"),
    path("<uuid:environment_id>/secrets/<uuid:secret_id>/delete/", delete, name="delete-secret"),
]
everywhere = [
    *urls(SECRETS),
    path("add/", add, name="add"),
    path("<uuid:secret_id>/", secret_page, name="secret"),
    path("<uuid:secret_id>/value/", update, name="update"),
    path("<uuid:secret_id>/delete/", delete, name="delete"),
]
