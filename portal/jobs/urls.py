"""URLs of `/jobs/`."""

from django.urls import path

from portal.jobs import views
from portal.jobs.list import JOBS
from portal.lists.views import urls

app_name = "jobs"
urlpatterns = [
    *urls(JOBS),
    path("verify/", views.verify_chain, name="verify-chain"),
    path("<uuid:job_id>/", views.job, name="job"),
    path("<uuid:job_id>/cancel/", views.job_cancel, name="cancel"),
    path("<uuid:job_id>/result/", views.job_result, name="result"),
]
