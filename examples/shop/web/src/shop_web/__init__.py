"""The shop's web application."""

from flask import Flask, render_template
from shop_util import price

from shop_web.catalogue import articles
from shop_web.settings import read_settings

GREETING = "Welcome to the shop"

app = Flask(__name__)


@app.get("/")
def index() -> str:
    settings = read_settings()
    return render_template("index.html", greeting=GREETING, articles=articles(), price=price, currency=settings["currency"])


@app.get("/health")
def health() -> dict:
    return {"status": "ok", "articles": len(articles())}
