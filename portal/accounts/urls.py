"""URLs: sign-in, sign-out, password, API tokens, saved views, start."""

from django.urls import path

from portal.accounts import views
from portal.accounts.oidc import views as oidc_views
from portal.accounts.saved_views import views as saved_views_views
from portal.accounts.second_factor import views as second_factor_views
from portal.accounts.sessions import views as sessions_views
from portal.accounts.tokens import views as tokens_views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign-in"),
    path("sign-in/code/", second_factor_views.sign_in_code, name="sign-in-code"),
    path("sign-out/", views.sign_out, name="sign-out"),
    path("password/", views.change_password, name="password"),
    path("confirm/", views.confirm, name="confirm"),
    path("second-factor/", second_factor_views.second_factor, name="second-factor"),
    path("second-factor/app/", second_factor_views.app_new, name="app-new"),
    path("second-factor/recovery-codes/", second_factor_views.recovery_codes, name="recovery-codes"),
    path("second-factor/<int:factor_id>/remove/", second_factor_views.factor_remove, name="factor-remove"),
    path("sessions/", sessions_views.sessions, name="sessions"),
    path("sessions/end/", sessions_views.sessions_end, name="sessions-end"),
    path("sessions/<int:session_id>/end/", sessions_views.session_end, name="session-end"),
    path("link/", views.link, name="link"),
    path("providers/<any:provider_id>/", oidc_views.to_provider, name="provider"),
    path("providers/<any:provider_id>/callback/", oidc_views.from_provider, name="provider-callback"),
    path("tokens/", tokens_views.tokens, name="tokens"),
    path("tokens/new/", tokens_views.token_new, name="token-new"),
    path("tokens/<uuid:token_id>/revoke/", tokens_views.token_revoke, name="token-revoke"),
    path("start/", saved_views_views.start, name="start"),
    path("views/", saved_views_views.views, name="views"),
    path("views/menu/", saved_views_views.views_menu, name="views-menu"),
    path("views/new/", saved_views_views.view_new, name="view-new"),
    path("views/start/", saved_views_views.view_start, name="view-start"),
    path("views/<int:view_id>/", saved_views_views.view, name="view"),
    path("views/<int:view_id>/edit/", saved_views_views.view_edit, name="view-edit"),
    path("views/<int:view_id>/update/", saved_views_views.view_update, name="view-update"),
    path("views/<int:view_id>/delete/", saved_views_views.view_delete, name="view-delete"),
    path("views/<int:view_id>/unshare/", saved_views_views.view_unshare, name="view-unshare"),
]
