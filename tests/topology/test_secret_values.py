"""Secrets are known by their key or their form, and masked."""

from __future__ import annotations

from waterspout.topology.secret_values import has_password, is_secret_key, masked, shown

from ..each_case import each_case


@each_case(
    "key",
    ["password", "PASSWORD", "db_password", "db.passwd", "api_key", "apikey", "auth-token",
     "secret", "client_secret", "credentials", "aws_access_key", "private_key"],
)  # fmt: skip
def test_these_keys_hold_secrets(key: str) -> None:
    assert is_secret_key(key)


@each_case(
    "key", ["key", "keys", "primary_key", "token_pattern", "passwords_file", "monkey", "secretary"]
)
def test_these_keys_do_not(key: str) -> None:
    assert not is_secret_key(key)


def test_an_address_with_a_literal_password_is_a_secret() -> None:
    assert has_password("amqp://me:hunter2@host/vhost")
    assert not has_password("amqp://me:${PASSWORD}@host/vhost")
    assert not has_password("http://host:8080/path@2")
    assert not has_password("http://host/a:b@c")


def test_a_value_is_shown_unless_it_is_a_secret() -> None:
    assert shown("bolts.x.args.sep", "a") == "'a'"
    assert shown("bolts.x.args.password", "a") == "'***'"
    assert shown("bolts.x.args.password[0]", "a") == "'***'"
    assert shown("bolts.x.args.url", "amqp://me:hunter2@host") == "'***'"


def test_secrets_are_masked_in_what_others_say() -> None:
    args = {"password": "hunter2", "nested": [{"token": "abcd"}], "user": "me", "pwd": ""}
    assert masked("me hunter2 abcd", args) == "me *** ***"


def test_the_name_of_a_secret_is_shown() -> None:
    args = {"password": "secret://db", "token": "abcdef"}
    assert masked("no secret://db, abcdef", args) == "no secret://db, ***"
