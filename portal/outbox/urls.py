"""URLs of `/outbox/`."""

from django.urls import path

from portal.lists.views import urls
from portal.outbox import views
from portal.outbox.list import ATTEMPTS, DESTINATIONS, MESSAGES

app_name = "outbox"
urlpatterns = [
    *urls(MESSAGES),
    *urls(ATTEMPTS, page="attempts/", changes="attempts/changes/", export="attempts/export/"),
    *urls(DESTINATIONS, page="destinations/"),
    path("destinations/new/", views.destination_new, name="destination-new"),
    path("destinations/<int:destination_id>/", views.destination, name="destination"),
    path("<int:message_id>/", views.message, name="message"),
]
