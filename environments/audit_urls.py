from django.urls import path

from environments.views import audit

app_name = "audit"
urlpatterns = [
    path("", audit.audit_list, name="list"),
    path("lockdown/", audit.audit_lockdown, name="lockdown"),
    path("archive/", audit.audit_archive, name="archive"),
    path("what-if/", audit.audit_what_if, name="what-if"),
]
