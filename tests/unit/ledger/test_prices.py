"""What tokens cost by the user's own list."""

from __future__ import annotations

from pathlib import Path

import pytest

from iflow_relay.ledger.prices import Prices, load_prices, parse_prices, prices_path
from iflow_relay.ledger.values import LedgerError

LIST = """
currency = "USD"
[[price]]
model = "glm-*"
prompt = 0.6
completion = 2.2
cached = 0.11
[[price]]
model = "*"
prompt = 1
completion = 2
"""


@pytest.mark.parametrize(
    ("model", "tokens", "cost"),
    [
        ("glm-4.7", (1_000_000, 0, 0), 0.6),
        ("GLM-4.7", (1_000_000, 1_000_000, 0), 2.8),
        ("glm-4.7", (1_000_000, 0, 400_000), 0.6 * 0.6 + 0.4 * 0.11),
        ("kimi-k2", (1_000_000, 500_000, 400_000), 2.0),
        ("kimi-k2", (10, 0, 1_000_000), 1.0),
        ("", (0, 0, 0), 0.0),
    ],
)
def test_the_first_price_that_matches_counts(
    model: str, tokens: tuple[int, int, int], cost: float
) -> None:
    """For a million tokens; those from the cache cost as the others where no price is given."""
    assert parse_prices(LIST).cost(model, *tokens) == pytest.approx(cost)


def test_a_model_without_a_price_costs_nobody_knows_what() -> None:
    """That is not nothing."""
    assert parse_prices(LIST.replace('"*"', '"x"')).cost("kimi-k2", 1, 1, 1) is None
    assert Prices().cost("kimi-k2", 1, 1, 1) is None


def test_no_list_is_no_prices(tmp_path: Path) -> None:
    """Neither where it is usually, nor elsewhere."""
    assert load_prices() == load_prices(tmp_path / "prices.toml") == Prices()


def test_the_list_is_in_the_configuration_folder() -> None:
    """Where the user can find and edit it; a byte order mark is forgiven."""
    path = prices_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xef\xbb\xbf" + LIST.encode())
    assert load_prices().currency == "USD"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("currency = \n", "line 1"),
        ('currency = "USD"\nprice = x', "line 2"),
        ("currency = 5", "currency is no text"),
        ("money = 1", "'money' is not known here"),
        ("price = 5", "price is no list"),
        ("price = [5]", "number 1 is no table"),
        ("[[price]]\nprompt = 1\ncompletion = 1", "number 1: model is missing"),
        ('[[price]]\nmodel = "a"\nprompt = 1', r"number 1 \(a\): completion is missing"),
        ('[[price]]\nmodel = "a"\nprompt = "1"\ncompletion = 1', r"\(a\): prompt is missing or no"),
        ('[[price]]\nmodel = "a"\nprompt = -1\ncompletion = 1', r"\(a\): prompt is missing or no"),
        ('[[price]]\nmodel = "a"\nprompt = nan\ncompletion = 1', r"\(a\): prompt is missing or no"),
        (f'[[price]]\nmodel = "a"\nprompt = 1{"0" * 400}', r"\(a\): prompt is missing or no price"),
        ('[[price]]\nmodel = "a"\nprompt = 1e308', r"\(a\): prompt is missing or no price"),
        (f"price = {'[' * 9999}", "nested too deep: write for example"),
        ('[[price]]\nmodel = "a"\nprompt = true\ncompletion = 1', r"\(a\): prompt is missing"),
        ('[[price]]\nmodel = "a"\nprompts = 1', "'prompts' is none of model, prompt, completion"),
    ],
)
def test_a_wrong_list_is_refused_by_line_or_field(tmp_path: Path, text: str, said: str) -> None:
    """With the file's name in front."""
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(LedgerError, match=said) as caught:
        load_prices(path)
    assert str(path) in str(caught.value)


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Likewise a folder of that name."""
    path = tmp_path / "prices.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LedgerError, match="not UTF-8"):
        load_prices(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(LedgerError, match="is a folder") as caught:
        load_prices(path)
    assert str(caught.value).count(path.name) == 1
