"""URLs of secrets: on an environment's page, and of the organization."""

from django.urls import path

from environments.export_views import secret_export
from environments.secrets.views import add_secret, delete_secret, secret_list, update_secret

of_environment = [
    path("<uuid:environment_id>/secrets/add/", add_secret, name="add-secret"),
    path("<uuid:environment_id>/secrets/<uuid:secret_id>/value/", update_secret, name="update-secret"),
    path("<uuid:environment_id>/secrets/<uuid:secret_id>/delete/", delete_secret, name="delete-secret"),
]
everywhere = [
    path("", secret_list, name="list"),
    path("export/", secret_export, name="export"),
    path("add/", add_secret, name="add"),
    path("<uuid:secret_id>/value/", update_secret, name="update"),
    path("<uuid:secret_id>/delete/", delete_secret, name="delete"),
]
