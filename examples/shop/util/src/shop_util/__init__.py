"""Prices in whole cents."""

from markupsafe import Markup

__all__ = ["price"]


def price(cents: int, currency: str = "EUR") -> Markup:
    """Print an amount as HTML: 1250 cents are <b>12.50</b> EUR."""
    return Markup("<b>{}.{:02d}</b> {}").format(cents // 100, cents % 100, currency)
