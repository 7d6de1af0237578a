"""Numbers as people read them."""

from __future__ import annotations

from waterspout.supervisor import rendering_values as values

from ..each_case import each_case


@each_case(
    "number, shown",
    [(0.0, "0.0 s"), (0.44, "0.4 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 0 s"),
     (185, "3 min 5 s"), (3599.7, "1 h 0 min"), (7390, "2 h 3 min"), (90_000, "1 d 1 h"),
     (None, "-")],
)  # fmt: skip
def test_seconds(number: float | None, shown: str) -> None:
    assert values.seconds(number) == shown


@each_case(
    "number, shown",
    [(0.001, "<0.1 ms"), (0.84, "0.8 ms"), (21.4, "21 ms"), (1400, "1.4 s"), (None, "-")],
)
def test_milliseconds(number: float | None, shown: str) -> None:
    assert values.milliseconds(number) == shown


@each_case(
    "number, shown",
    [(0, "0/s"), (3.46, "3.5/s"), (999.4, "999/s"), (158_932.8, "159,000/s"), (1234, "1,230/s"),
     (None, "-")],
)  # fmt: skip
def test_rates_have_three_digits(number: float | None, shown: str) -> None:
    assert values.rate(number) == shown


@each_case(
    "number, shown",
    [(None, "-"), (0, "-"), (512, "512 B"), (1400, "1.4 kB"), (39_400_000, "39 MB"),
     (2_500_000_000, "2.5 GB"), (7_000_000_000_000_000, "7000 TB")],
)  # fmt: skip
def test_sizes(number: int | None, shown: str) -> None:
    assert values.size(number) == shown


def test_texts_stay_one_harmless_line() -> None:
    assert values.text("a\nb\x1b[0m") == "a\\nb\\x1b[0m"
    assert values.text("x" * 400) == "x" * 297 + "..."
    assert values.text(None) == "None"


def test_tracebacks_keep_their_lines_and_nothing_else() -> None:
    assert values.lines("a\n\tb\x1b\r\nc") == "a\n    b\\x1b\nc"


def test_plurals() -> None:
    assert [values.plural(n, "worker") for n in (0, 1, 1200)] == [
        "0 workers", "1 worker", "1,200 workers",
    ]  # fmt: skip
