"""What the shop sells."""


def articles() -> list:
    """Name and price in cents of each article."""
    return [("Anchor", 12500), ("Rope, 10 m", 1890), ("Lantern", 3450)]
