from django.urls import path

from environments import export_views
from environments.audit import views as audit_views
from environments.audit import what_if_views
from environments.evidence import views as evidence_views

app_name = "audit"
urlpatterns = [
    path("", audit_views.audit_list, name="list"),
    path("lockdown/", audit_views.audit_lockdown, name="lockdown"),
    path("lockdown/export/", export_views.lockdown_export, name="lockdown-export"),
    path("lockdown/changes/", audit_views.audit_changes, name="lockdown-changes"),
    path("lockdown/changes/export/", export_views.changes_export, name="lockdown-changes-export"),
    path("archive/export/", export_views.archive_export, name="archive-export"),
    path("archive/", audit_views.audit_archive, name="archive"),
    path("what-if/", what_if_views.audit_what_if, name="what-if"),
    path("what-if/environments/", what_if_views.audit_hits, name="what-if-environments"),
    path("what-if/export/", export_views.what_if_export, name="what-if-export"),
    path("evidence/", evidence_views.evidence, name="evidence"),
]
