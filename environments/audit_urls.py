from django.urls import path

from environments.views import audit, evidence, export, what_if

app_name = "audit"
urlpatterns = [
    path("", audit.audit_list, name="list"),
    path("lockdown/", audit.audit_lockdown, name="lockdown"),
    path("lockdown/export/", export.lockdown_export, name="lockdown-export"),
    path("lockdown/changes/", audit.audit_changes, name="lockdown-changes"),
    path("lockdown/changes/export/", export.changes_export, name="lockdown-changes-export"),
    path("archive/export/", export.archive_export, name="archive-export"),
    path("archive/", audit.audit_archive, name="archive"),
    path("what-if/", what_if.audit_what_if, name="what-if"),
    path("what-if/environments/", what_if.audit_hits, name="what-if-environments"),
    path("what-if/export/", export.what_if_export, name="what-if-export"),
    path("evidence/", evidence.evidence, name="evidence"),
]
