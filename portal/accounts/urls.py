"""Sign-in, sign-out, password; saved views and the start."""

from django.urls import path

from portal.accounts import view_pages, views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign-in"),
    path("sign-out/", views.sign_out, name="sign-out"),
    path("password/", views.change_password, name="password"),
    path("link/", views.link, name="link"),
    path("start/", view_pages.start, name="start"),
    path("views/", view_pages.views, name="views"),
    path("views/menu/", view_pages.views_menu, name="views-menu"),
    path("views/new/", view_pages.view_new, name="view-new"),
    path("views/start/", view_pages.view_start, name="view-start"),
    path("views/<int:view_id>/", view_pages.view, name="view"),
    path("views/<int:view_id>/edit/", view_pages.view_edit, name="view-edit"),
    path("views/<int:view_id>/update/", view_pages.view_update, name="view-update"),
    path("views/<int:view_id>/delete/", view_pages.view_delete, name="view-delete"),
    path("views/<int:view_id>/unshare/", view_pages.view_unshare, name="view-unshare"),
]
