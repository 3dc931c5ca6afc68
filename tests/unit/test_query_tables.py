"""The generated tables are those of the grammar, and reading a filter needs nothing heavy."""

import subprocess
import sys

from voiptui.query.build import TARGET, tables


def test_tables_are_made_from_the_grammar_as_it_is() -> None:
    assert TARGET.read_text(encoding="utf-8") == tables()


def test_reading_a_filter_imports_no_parser_generator_and_no_framework() -> None:
    program = "import sys, voiptui.query.parse, voiptui.query.match; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert not {"lark", "textual", "httpx", "asyncio", "difflib"} & set(loaded)
