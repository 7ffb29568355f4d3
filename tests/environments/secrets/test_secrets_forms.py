"""The forms of secrets beside the vendor's own rules, and what they say of values that break them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from buf.validate import validate_pb2
from django.core.files.uploadedfile import SimpleUploadedFile
from gitpod.v1 import secret_pb2

from environments.models.secret import Mount
from environments.secrets import forms
from environments.secrets.forms import AddSecretForm, ValueForm
from portal.sandbox.refusals import Refused
from portal.sandbox.validation import Validation

SCOPE = f"project:{uuid.uuid4()}"


def rules(message: Any, field: str) -> Any:
    return message.DESCRIPTOR.fields_by_name[field].GetOptions().Extensions[validate_pb2.field]


def add(value_file: bytes | None = None, **fields: str) -> AddSecretForm:
    files = {"value_file": SimpleUploadedFile("key", value_file)} if value_file is not None else None
    data = {"operation_id": str(uuid.uuid4()), "scope": SCOPE, "name": "API_KEY", "mount": Mount.VARIABLE,
            "value": "x", "reason": "r"}  # fmt: skip
    return AddSecretForm(data | fields, files=files, scopes=[(SCOPE, "it")], needs_reason=True)


def request_of(form: AddSecretForm) -> secret_pb2.CreateSecretRequest:
    """What would be sent."""
    mount = {"filePath": "file_path", "containerRegistryBasicAuthHost": "container_registry_basic_auth_host",
             "environmentVariable": "environment_variable", "apiOnly": "api_only"}  # fmt: skip
    fields = {mount[name]: value for name, value in form.chosen_mount().items()}
    value = form.secret_value().reveal()
    return secret_pb2.CreateSecretRequest(name=form.cleaned_data["name"], value=value, **fields)


def test_the_limits_are_the_vendors() -> None:
    create, update = secret_pb2.CreateSecretRequest, secret_pb2.UpdateSecretValueRequest
    name = rules(create, "name").string
    assert (name.min_len, name.max_len, name.pattern) == (forms.SHORTEST_NAME, forms.LONGEST_NAME, forms.NAME)
    assert rules(create, "value").string.max_len == rules(update, "value").string.max_len == forms.LONGEST_VALUE
    assert rules(update, "value").string.min_len == 1  # the form wants one wherever a value is given
    (path,) = rules(create, "file_path").cel
    assert path.expression == f"this.matches('{forms.FILE_PATH}')"
    assert rules(secret_pb2.Secret, "container_registry_basic_auth_host").string.uri


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "abc"}, {"name": "A" * 127}, {"name": "0_9"}, {"value": "x" * 10_240}, {"value": "é" * 10_240},
        {"mount": Mount.FILE, "file_path": "/a"}, {"mount": Mount.FILE, "file_path": "/home/me/.config/x y"},
        {"mount": Mount.REGISTRY, "registry_host": "https://ghcr.io"},
        {"mount": Mount.REGISTRY, "registry_host": "http://localhost:5000"}, {"mount": Mount.API_ONLY},
    ],
)  # fmt: skip
def test_what_the_form_takes_the_vendor_takes(fields: dict[str, str]) -> None:
    form = add(**fields)
    assert form.is_valid(), form.errors
    Validation().check(request_of(form))
    if fields.get("mount") == Mount.REGISTRY:
        # the library that checks the rule here wants a path too, which RFC 3986 does not
        listed = secret_pb2.Secret(id=str(uuid.uuid4()), project_id=str(uuid.uuid4()))
        listed.container_registry_basic_auth_host = form.chosen_mount()["containerRegistryBasicAuthHost"] + "/"
        Validation().check(listed)


@pytest.mark.parametrize(
    ("fields", "at", "message"),
    [
        ({"name": "ab"}, "name", "At least three"),
        ({"name": "A" * 128}, "name", "At most 127"),
        ({"name": "my-key"}, "name", "Letters, digits and _"),
        ({"name": "käy"}, "name", "Letters, digits and _"),
        ({"value": "x" * 10_241}, "value", "At most 10,240"),
        ({"value": ""}, "value", "Enter the value, or choose a file"),
        ({"mount": Mount.FILE, "file_path": ""}, "file_path", "full path"),
        ({"mount": Mount.FILE, "file_path": "relative/path"}, "file_path", "full path"),
        ({"mount": Mount.FILE, "file_path": "//double"}, "file_path", "full path"),
        ({"mount": Mount.FILE, "file_path": "/"}, "file_path", "full path"),
        ({"mount": Mount.REGISTRY, "registry_host": "ghcr.io"}, "registry_host", "registry's address"),
        ({"mount": Mount.REGISTRY, "registry_host": ""}, "registry_host", "registry's address"),
        ({"mount": "gitCredential"}, "mount", "valid choice"),
        ({"scope": "project:other"}, "scope", "valid choice"),
        ({"proxy_hosts": "https://a.example"}, "proxy_hosts", "without https://"),
        ({"proxy_hosts": "a.example"}, "proxy_header", "the header in which"),
        ({"proxy_header": "X-Key"}, "proxy_hosts", "Enter the hosts"),
        ({"proxy_hosts": "a.example", "proxy_header": "X Key"}, "proxy_header", "name of a header"),
        ({"reason": " "}, "reason", "Enter a reason"),
    ],
)
def test_what_it_does_not_take_is_said_at_the_field(fields: dict[str, str], at: str, message: str) -> None:
    form = add(**fields)
    assert not form.is_valid()
    assert message in " ".join(form.errors[at])
    assert list(form.errors) == [at]


@pytest.mark.parametrize("fields", [{"name": "ab"}, {"name": "my-key"}, {"mount": Mount.FILE, "file_path": "a"}])
def test_what_the_form_refuses_the_vendor_would_refuse_too(fields: dict[str, str]) -> None:
    sent = secret_pb2.CreateSecretRequest(name=fields.get("name", "API_KEY"), value="x",
                                          file_path=fields.get("file_path", "/a"))  # fmt: skip
    with pytest.raises(Refused):
        Validation().check(sent)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"x" * 10_241, "larger than 10 KiB"),
        (b"\xff\xfe", "not text in UTF-8"),
        (b"a\0b", "zero byte"),
    ],
)
def test_files_that_are_no_values_are_not_taken(content: bytes, message: str) -> None:
    form = add(value_file=content, value="")
    assert not form.is_valid()
    assert message in " ".join(form.errors["value_file"])
    assert "value" not in form.errors


def test_a_value_is_given_one_way() -> None:
    form = add(value_file=b"from the file", value="typed")
    assert not form.is_valid()
    assert "not both" in " ".join(form.errors["value_file"])


def test_a_file_is_the_value_as_it_is_and_what_is_typed_keeps_its_blanks() -> None:
    form = add(value_file=" line\r\nü\n".encode(), value="")
    assert form.is_valid(), form.errors
    assert form.secret_value().reveal() == " line\r\nü\n"
    form = add(value="  x ")
    assert form.is_valid()
    assert form.secret_value().reveal() == "  x "


def test_hosts_and_header_become_a_credential_proxy() -> None:
    form = add(proxy_hosts="a.example, *.b.example:8443  a.example", proxy_header="X-Key")
    assert form.is_valid(), form.errors
    assert form.chosen_proxy() == {"targetHosts": ["a.example", "*.b.example:8443"], "header": "X-Key"}
    form = add()
    assert form.is_valid()
    assert form.chosen_proxy() is None


@pytest.mark.parametrize("fields", [{}, {"reason": ""}, {"value": "y" * 10_241}])
def test_no_form_writes_its_value_back_nor_keeps_it(fields: dict[str, str]) -> None:
    data = {"operation_id": str(uuid.uuid4()), "value": "canary", "reason": "r"} | fields
    form = ValueForm(data, needs_reason=True)
    form.is_valid()
    form.tried()
    shown = form.as_p()
    assert "canary" not in shown
    assert "yyyy" not in shown
    assert 'autocomplete="new-password"' in shown
    assert "canary" not in repr(form.cleaned_data)
