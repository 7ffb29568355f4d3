from django.urls import path

from automations import views

app_name = "automations"
urlpatterns = [
    path("environments/<uuid:environment_id>/automations/", views.of_environment, name="of-environment"),
]
