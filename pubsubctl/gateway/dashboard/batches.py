"""The batches with the newest jobs, and how far they have come."""

from functools import partial

from flask import Blueprint, render_template

from pubsubctl.gateway.dashboard.board import Board

_SHOWN = 50


def add_to(blueprint: Blueprint, board: Board) -> None:
    """Add the page."""
    blueprint.add_url_rule("/batches", "batches", partial(_batches, board))


def _batches(board: Board) -> str:
    store = board.store
    return render_template("dashboard/batches.html", batches=store.batches(limit=_SHOWN), now=store.now())
