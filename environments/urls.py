from django.urls import path

from environments.views.detail import environment_detail

app_name = "environments"
urlpatterns = [
    path("<uuid:environment_id>/", environment_detail, name="detail"),
]
