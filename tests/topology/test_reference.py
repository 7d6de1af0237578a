"""The reference comes from the loader's tables, and the checked-in files are up to date."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from waterspout.topology.reference import markdown, schema, schema_text
from waterspout.topology.values import READERS
from waterspout.topology.yaml_keys import (
    BOLT_KEYS,
    EVENT_TIME_KEYS,
    INPUT_KEYS,
    REQUIRED,
    SETTING_KEYS,
    SPOUT_KEYS,
    TOP_KEYS,
)

DOCS = Path(__file__).parents[2] / "docs"
TABLES = [TOP_KEYS, SPOUT_KEYS, BOLT_KEYS, INPUT_KEYS, EVENT_TIME_KEYS, SETTING_KEYS]


@pytest.mark.parametrize(
    ("name", "text"),
    [("yaml-reference.md", markdown()), ("topology.schema.json", schema_text())],
)
def test_the_file_in_docs_is_what_the_tables_say(name: str, text: str) -> None:
    assert (DOCS / name).read_text("utf-8") == text, "run: python docs/generate.py"


def test_every_key_is_in_the_page_with_what_it_means() -> None:
    page = markdown()
    for table in TABLES:
        for key in table.values():
            assert re.search(rf"\| `{key.name}` \| .*\| {re.escape(key.doc)} \|", page), key


def test_every_key_has_a_reader_or_is_a_section() -> None:
    kinds = {key.kind for table in TABLES for key in table.values()}
    assert kinds - set(READERS) == {"components", "settings", "inputs", "event_time"}


def test_the_schema_names_every_key_and_requires_what_the_loader_requires() -> None:
    whole = schema()
    parts = whole["definitions"]
    either = [parts[name]["anyOf"][1] for name in ("input", "event_time")]
    objects = [whole, parts["spout"], parts["bolt"], *either, parts["settings"]]
    for table, found in zip(TABLES, objects, strict=True):
        assert list(found["properties"]) == list(table)
        assert found.get("required", []) == [
            key.name for key in table.values() if key.default is REQUIRED
        ]
        assert found["additionalProperties"] is False


def test_the_schema_is_json_of_draft_7() -> None:
    whole = json.loads(schema_text())
    assert whole["$schema"].startswith("http://json-schema.org/draft-07/")
    references = re.findall(r'"#/definitions/(\w+)"', schema_text())
    assert set(references) <= set(whole["definitions"])


def test_the_example_in_the_page_is_yaml() -> None:
    example = markdown().partition("```yaml\n")[2].partition("```")[0]
    assert yaml.safe_load(example)["name"] == "wordcount"
