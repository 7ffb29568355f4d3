"""URLs of `/people/`."""

from django.urls import path

from portal.accounts.people import views
from portal.accounts.people.list import PEOPLE
from portal.lists.views import urls

app_name = "people"
urlpatterns = [
    *urls(PEOPLE),
    path("new/", views.person_new, name="new"),
    path("<int:person_id>/", views.person, name="person"),
]
