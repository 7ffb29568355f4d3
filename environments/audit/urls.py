from django.urls import path

from environments.audit import what_if_views
from environments.audit.list import ARCHIVE, CHANGES, LOCKDOWN
from environments.audit.views import audit_list
from environments.evidence import views as evidence_views
from portal.lists.views import urls

app_name = "audit"
urlpatterns = [
    path("", audit_list, name="list"),
    *urls(LOCKDOWN, page="lockdown/", export="lockdown/export/"),
    *urls(CHANGES, page="lockdown/changes/", export="lockdown/changes/export/"),
    *urls(ARCHIVE, page="archive/", export="archive/export/"),
    path("what-if/", what_if_views.audit_what_if, name="what-if"),
    path("what-if/environments/", what_if_views.audit_hits, name="what-if-environments"),
    path("what-if/export/", what_if_views.what_if_export, name="what-if-export"),
    path("evidence/", evidence_views.evidence, name="evidence"),
]
