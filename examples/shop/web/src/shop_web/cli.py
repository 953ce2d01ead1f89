"""The command `shop-web`: what is sold, as text."""

from shop_web.catalogue import articles
from shop_web.settings import read_settings


def main() -> int:
    currency = read_settings()["currency"]
    for name, cents in articles():
        print(f"{name}  {cents / 100:.2f} {currency}")
    return 0
