"""settings.json as the CLI writes it, and as people do."""

from __future__ import annotations

import time

import pytest

from iflow_relay.settings import (
    Settings,
    Sourced,
    expand,
    from_environment,
    parse_document,
    parse_json,
    parse_settings,
)

API_KEY_LOGIN = b"""{"theme": "Default", "selectedAuthType": "iflow", "apiKey": "sk-aaa",
 "baseUrl": "https://apis.iflow.cn/v1", "modelName": "Qwen3-Coder", "searchApiKey": "sk-aaa"}"""
OAUTH_LOGIN = b"""{"cna": "xxxx", "selectedAuthType": "oauth-iflow", "searchApiKey": "sk-bbb",
 "baseUrl": "https://apis.iflow.cn/v1", "apiKey": "sk-bbb", "modelName": "glm-4.7",
 "hasIdeOnboardingBeenShown": {"vscode": true}, "oauth_expires_at": "2026-02-01T00:00:00"}"""


@pytest.mark.parametrize(
    ("data", "key", "model"),
    [(API_KEY_LOGIN, "sk-aaa", "Qwen3-Coder"), (OAUTH_LOGIN, "sk-bbb", "glm-4.7")],
)
def test_both_ways_to_log_in_are_read(data: bytes, key: str, model: str) -> None:
    """What matters is taken, what is the CLI's own passes by."""
    settings = parse_settings(data, {})
    assert (settings.api_key, settings.search_api_key) == (key, key)
    assert (settings.base_url, settings.model_name) == ("https://apis.iflow.cn/v1", model)


@pytest.mark.parametrize(
    "data",
    [
        b'\xef\xbb\xbf{"apiKey": "sk-a"}',
        b'{"apiKey": "sk-a",}',
        b'{"apiKey": "sk-a", // mine\n}',
        b'// mine\n{"apiKey": "sk-a"}',
        b'{/* a "key" */"apiKey"/**/: "sk-a"/* , */,}',
        b'{\r\n"apiKey": "sk-a",\r\n// end\r\n}\r\n',
        b'{"mcpServers": {"a": {"args": ["x", "y",],},}, "apiKey": "sk-a"}',
        b' {"apiKey": " sk-a\\n"} ',
        b'{"apiKey": null, "apiKey": "sk-a"}',
    ],
)
def test_json_as_people_write_it_is_read(data: bytes) -> None:
    """A BOM, comments and trailing commas are no reason to lose a key."""
    assert parse_settings(data, {}).api_key == "sk-a"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'["http://h", ]', ["http://h"]),
        (b'["a // b", "/* c */", ]', ["a // b", "/* c */"]),
        (b'["a,]", ",}", ]', ["a,]", ",}"]),
        (b'["\\"// x", ]', ['"// x']),
        (b'["\\\\", "//",]', ["\\", "//"]),
        (b'["", // x\n]', [""]),
        (b"[1, /* , ] */ 2, /**/ ]", [1, 2]),
        (b"[1 /**/, // ,\n ]", [1]),
        (b'{"a": "x" // "b": "y"\n}', {"a": "x"}),
    ],
)
def test_comments_and_commas_inside_strings_are_text(text: bytes, value: object) -> None:
    """Only what stands outside of strings is noise."""
    assert parse_json(text) == value


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\xff\xfe{\x00}\x00", "it is not UTF-8 text"),
        (b'{"apiKey": "\xff"}', "it is not UTF-8 text"),
        (b"{", "it is no JSON"),
        (b'{"apiKey": sk-a}', "it is no JSON"),
        (b'{"apiKey": "sk-a" /* }', "it is no JSON"),
        (b"// nothing else", "it is no JSON"),
        (b"\n\n{'apiKey': 1}", "line 3"),
        (b"[]", "it holds a list where an object"),
        (b'"sk-a"', "it holds a text where an object"),
        (b"1", "it holds a number where an object"),
        (b"true", "it holds true or false where an object"),
        (b"null", "it holds nothing"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_object_is_refused(data: bytes, why: str) -> None:
    """The message says what the file holds instead."""
    with pytest.raises(ValueError, match=why):
        parse_document(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"apiKey": 12345}', "apiKey is a number"),
        (b'{"apiKey": 1.5}', "apiKey is a number"),
        (b'{"apiKey": true}', "apiKey is true or false"),
        (b'{"apiKey": ["sk-aaaaaaaa"]}', "apiKey is a list"),
        (b'{"searchApiKey": {"key": "sk-aaaaaaaa"}}', "searchApiKey is an object"),
        (b'{"baseUrl": 8000}', "baseUrl is a number"),
        (b'{"modelName": []}', "modelName is a list"),
    ],
)
def test_a_field_that_is_no_text_is_refused_by_name(data: bytes, why: str) -> None:
    """The message says which field, and never what stands in it."""
    with pytest.raises(ValueError, match=why) as caught:
        parse_settings(data, {})
    assert "sk-aaaaaaaa" not in str(caught.value)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize("data", [b"{}", b'{"apiKey": null, "baseUrl": null, "other": 1}'])
def test_fields_may_be_missing_or_null(data: bytes) -> None:
    """A file without a key is a file, not an error."""
    assert parse_settings(data, {}) == Settings()


def test_settings_do_not_print_their_keys() -> None:
    """A value that lands in a log or a traceback takes no key with it."""
    settings = parse_settings(b'{"apiKey": "sk-0123456789", "searchApiKey": "sk-9876543210"}', {})
    assert "sk-0123456789" not in f"{settings!r} {settings}"
    assert "sk-9876543210" not in f"{settings!r} {settings}"


ENVIRONMENT = {"NAME": "value", "_a1": "one", "EMPTY": "", "DOLLAR": "$NAME"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$NAME", "value"),
        ("${NAME}", "value"),
        ("https://${NAME}/v1", "https://value/v1"),
        ("$NAME-$NAME", "value-value"),
        ("${NAME}S", "valueS"),
        ("$_a1.", "one."),
        ("[$EMPTY]", "[]"),
        ("$DOLLAR", "$NAME"),
        ("$", "$"),
        ("$$", "$$"),
        ("a$ b", "a$ b"),
        ("${}", "${}"),
        ("${NAME", "${NAME"),
        ("NAME", "NAME"),
        ("", ""),
    ],
)
def test_variables_are_filled_in_once(text: str, value: str) -> None:
    """A variable's own dollars are text, and so is what names no variable."""
    assert expand("apiKey", text, ENVIRONMENT) == value


@pytest.mark.parametrize("text", ["$NAMES", "${NOPE}", "a$name"])
def test_a_variable_that_is_not_set_is_named(text: str) -> None:
    """The message names the field and the variable."""
    with pytest.raises(ValueError, match=r"baseUrl .* (NAMES|NOPE|name), which is not set"):
        expand("baseUrl", text, ENVIRONMENT)


def test_every_field_may_name_variables() -> None:
    """The CLI expands all of them when it loads the file."""
    settings = parse_settings(
        b'{"apiKey": "$KEY", "searchApiKey": "${KEY}2", "baseUrl": "http://$H/v1",'
        b' "modelName": "$H", "other": "$UNSET"}',
        {"KEY": "sk-a", "H": "h"},
    )
    assert (settings.api_key, settings.search_api_key) == ("sk-a", "sk-a2")
    assert (settings.base_url, settings.model_name) == ("http://h/v1", "h")


def test_blanks_around_a_variables_value_are_dropped() -> None:
    """A key that came out of a file often brings its line break along."""
    assert parse_settings(b'{"apiKey": "$KEY"}', {"KEY": "sk-a\n"}).api_key == "sk-a"


SPELLINGS = ["IFLOW_apiKey", "IFLOW_API_KEY", "iflow_apiKey", "iflow_API_KEY"]


@pytest.mark.parametrize("first", range(4))
def test_the_first_of_four_spellings_wins(first: int) -> None:
    """The order is the CLI's."""
    environ = {name: f"sk-{name}" for name in SPELLINGS[first:]}
    name = SPELLINGS[first]
    assert from_environment("apiKey", environ) == Sourced(f"sk-{name}", f"environment {name}")


@pytest.mark.parametrize(
    ("camel", "name"),
    [
        ("baseUrl", "IFLOW_BASE_URL"),
        ("baseUrl", "iflow_baseUrl"),
        ("modelName", "IFLOW_MODEL_NAME"),
        ("modelName", "IFLOW_modelName"),
    ],
)
def test_every_field_has_its_spellings(camel: str, name: str) -> None:
    """What holds for the key holds for the other fields."""
    assert from_environment(camel, {name: " x "}) == Sourced("x", f"environment {name}")


@pytest.mark.parametrize("environ", [{}, {"IFLOW_API_KEY": ""}, {"IFLOW_API_KEY": " "}])
def test_an_empty_variable_is_no_value(environ: dict[str, str]) -> None:
    """A script that unsets a variable by emptying it means what it says."""
    assert from_environment("apiKey", environ) is None


def test_an_empty_variable_does_not_hide_the_next_spelling() -> None:
    """The search goes on."""
    environ = {"IFLOW_apiKey": "", "iflow_API_KEY": "sk-a"}
    assert from_environment("apiKey", environ) == Sourced("sk-a", "environment iflow_API_KEY")


def test_a_file_that_breaks_off_inside_a_long_string_is_refused_at_once() -> None:
    """Nobody waits while every quotation mark in it is tried as a beginning."""
    begun = time.perf_counter()
    with pytest.raises(ValueError, match="no JSON"):
        parse_document(b'{"a": "' + rb"\"" * 10_000)
    assert time.perf_counter() - begun < 1
