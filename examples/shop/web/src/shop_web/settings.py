"""The settings of this release: the file that `shop-config` brings, or defaults where there is none."""

import configparser
import os
from pathlib import Path

DEFAULTS = {"currency": "EUR"}


def read_settings() -> configparser.SectionProxy:
    """The section [shop] of shop.ini; CAISSON_RELEASE names the release that this process runs from."""
    parser = configparser.ConfigParser()
    parser["shop"] = DEFAULTS
    release = os.environ.get("CAISSON_RELEASE")
    if release:
        parser.read(Path(release) / "shop-config" / "etc" / "shop" / "shop.ini")
    return parser["shop"]
