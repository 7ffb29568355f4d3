from django.urls import path

from automations.views import tab

app_name = "automations"
urlpatterns = [
    path("environments/<uuid:environment_id>/automations/", tab.of_environment, name="of-environment"),
]
