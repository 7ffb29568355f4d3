"""Signing in, staying in, getting out."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

PASSWORD = "correct horse battery"
SIGN_IN = "/accounts/sign-in/"


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password=PASSWORD)


def sign_in(client: Client, password: str = PASSWORD, **more: str):
    return client.post(SIGN_IN, {"username": "ann", "password": password, **more})


def test_the_sign_in_page_is_served_to_a_visitor(client: Client, db: None) -> None:
    answer = client.get(SIGN_IN)
    assert answer.status_code == 200
    assert b"Sign in" in answer.content


def test_a_right_password_signs_in_under_a_new_session_key(client: Client, ann: User) -> None:
    client.get(SIGN_IN)
    session = client.session
    session["seen"] = True
    session.save()
    client.cookies["portal_session"] = session.session_key
    answer = sign_in(client, next=reverse("accounts:password"))
    assert answer.status_code == 302
    assert answer["Location"] == reverse("accounts:password")
    assert client.session.session_key != session.session_key
    assert client.get(reverse("accounts:password")).status_code == 200
