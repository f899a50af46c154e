"""What the market tab says beside its chart: cards, the six votes, what overlays cost."""

from collections.abc import Sequence
from typing import Any

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboards.crypto.query import LAYERS
from dashboards.crypto.style import EMAS, REGIMES, ZONE
from dashboards.pages import widgets, wording
from dashboards.pages.crypto_shared import plain, signed_percent
from dashboards.pages.wording import price
from dashboards.theme import Theme
from market_assets.crypto.schemas import FRAMES, VOTES
from market_assets.crypto.settings import OVERLAYS

_ACTION_TONES: dict[str, widgets.Tone] = {"ENTER_LONG": "good", "ENTER_SHORT": "bad", "HOLD": "idle"}
_VOTES = {1: ("\u25b2", "long", "good"), -1: ("\u25bc", "short", "bad"), 0: ("\u2013", "none", "idle")}
_DIRECTIONS = {1: "up", -1: "down", 0: "undecided"}
_OVERLAY_NAMES: dict[str, str] = {"base": "Base", **{name: LAYERS[name] for name in OVERLAYS}}


def cards(change_24h: float | None, overlays: pl.DataFrame, timeframe: str) -> list[Component]:
    """24 h change, regime with the overlays that read it, alignment, order flow: of the newest closed candle.

    `overlays`: CryptoOverlays by time, of `timeframe`.
    """
    newest = overlays.row(-1, named=True) if overlays.height else dict.fromkeys(overlays.columns)
    return [
        widgets.card("24 h change", signed_percent(change_24h), "last closed minute", tone(change_24h)),
        _regime(newest, timeframe),
        _alignment(newest),
        widgets.card(
            "Order flow",
            wording.NO_DATA if newest["ofi_20"] is None else f"{round(newest['ofi_20'], 3) + 0.0:+.3f}",
            f"of 20 candles of {timeframe}",
            tone(newest["ofi_20"]),
        ),
    ]


def tone(value: float | None) -> widgets.Tone:
    """Green above zero, red below."""
    if not value:
        return "plain"
    return "good" if value > 0 else "bad"


def _regime(newest: dict[str, Any], timeframe: str) -> Component:
    if newest["regime"] is None:
        return widgets.card("Regime", wording.NO_DATA, f"of {timeframe}")
    title, _, best = REGIMES[newest["regime"]]
    read = f"read it by {' + '.join(LAYERS[name].lower() for name in best)}" if best else "too little is known"
    sure = newest["regime_confidence"]
    return widgets.card(f"Regime of {timeframe}", title, read if sure is None else f"{sure:.0%} sure; {read}")


def _alignment(newest: dict[str, Any]) -> Component:
    if newest["align_dir"] is None:
        return widgets.card("Alignment", wording.NO_DATA, "fewer than three timeframes known")
    return widgets.card(
        "Alignment",
        _DIRECTIONS[newest["align_dir"]],
        f"{newest['align_score']:.0%} of {newest['align_n']} timeframes, {newest['align_mode'].lower()}",
        tone(newest["align_dir"]),
    )


def legend(switched_on: Sequence[str], regimes: Sequence[str], theme: Theme) -> list[Component]:
    """The colours of what is switched on; of regimes those that are drawn."""
    keys: list[tuple[str, str]] = []
    if "ema" in switched_on:
        keys += [(name, colour) for name, colour in EMAS.values()]
    if "supertrend" in switched_on:
        keys += [("supertrend up", theme.up), ("down", theme.down)]
    if "liquidity" in switched_on:
        keys.append(("zone", ZONE))
    if "regime" in switched_on:
        keys += [(f"regime: {title}", colour) for name, (title, colour, _) in REGIMES.items() if name in regimes]
    return [html.Span([html.I(className="swatch", style={"background": colour}), name]) for name, colour in keys]


def convergence(signal: dict[str, Any] | None) -> Component:
    """The six votes of the newest decision, what they come to, and its levels."""
    if signal is None:
        return widgets.empty("no decision was made yet", widgets.materialise("crypto_signals"))
    votes = [_vote(name, signal[f"vote_{name}"]) for name in VOTES]
    unknown = f", {signal['n_null_votes']} unknown" if signal["n_null_votes"] else ""
    head = html.Div(
        [
            widgets.pill(signal["action"].replace("_", " "), _ACTION_TONES[signal["action"]]),
            widgets.pill("tradeable" if signal["is_tradeable"] else "not tradeable"),
            widgets.pill("source: rule"),
            html.Span(f"close of {signal['signal_time']:%Y-%m-%d %H:%M} UTC, {signal['timeframe']}", className="quiet"),
        ],
        className="pills",
    )
    facts = [
        ("for long / for short", f"{signal['n_plus']} / {signal['n_minus']}{unknown}"),
        ("vote confidence", wording.percent(signal["vote_confidence"], 0)),
        ("feature confidence", f"{plain(signal['feature_confidence'])}, {_words(signal['strength_label'])}"),
        ("size, of equity", wording.percent(signal["size_ratio"], 2)),
        ("price", price(signal["price"])),
        *_levels(signal),
    ]
    return html.Div(
        [head, html.Div(votes, className="votes"), widgets.table([("", "left"), ("", "right")], facts)],
        className="convergence",
    )


def _levels(signal: dict[str, Any]) -> list[tuple[str, str]]:
    """Where it would end; a HOLD has no levels."""
    if signal["stop_price"] is None:
        return []
    targets = " / ".join(price(each) for each in signal["targets"] or [])
    return [
        ("stop", f"{price(signal['stop_price'])} ({plain(signal['stop_distance_pct'])} % away)"),
        ("targets", targets or wording.NO_DATA),
        ("reward over risk at the last", plain(signal["rr_at_t3"])),
    ]


def _vote(name: str, vote: int) -> Component:
    sign, word, shade = _VOTES[vote]
    return html.Div(
        [html.Span(name, className="vote-name"), html.Span([html.B(sign), f" {word}"], className="vote-side")],
        className=f"vote tone-{shade}",
    )


def _words(label: str) -> str:
    return label.replace("_", " ").lower()


def telemetry(rows: pl.DataFrame, slow_ms: float) -> Component:
    """What each overlay cost per timeframe when it was computed last; above `slow_ms` in amber."""
    if rows.is_empty():
        return widgets.empty("no overlay was computed yet", widgets.materialise("crypto_overlays"))
    found = rows.to_dicts()
    taken = {(row["overlay"], row["timeframe"]): row for row in found}
    columns = [
        ("ms of overlay", "left"),
        *((frame, "right") for frame in FRAMES),
        ("CPU, ms", "right"),
        ("added, MB", "right"),
    ]
    table = []
    for name, title in _OVERLAY_NAMES.items():
        own = [row for row in found if row["overlay"] == name]
        if own:
            cells = [_latency(taken.get((name, frame)), slow_ms) for frame in FRAMES]
            cpu, added = (sum(row[name] for row in own) for name in ("cpu_ms", "rss_delta_mb"))
            table.append([title, *cells, plain(cpu, 0), f"{added:+,.1f}"])
    newest = max(row["started_at"] for row in found)
    said = f"{found[0]['symbol']}, newest partition of each timeframe, the last computed {newest:%Y-%m-%d %H:%M} UTC."
    return html.Div([widgets.table(columns, table), html.P(said, className="quiet")])


def _latency(row: dict[str, Any] | None, slow_ms: float) -> Component:
    if row is None:
        return html.Span(wording.NO_DATA, className="quiet")
    shade = "cell-slow" if row["latency_ms"] > slow_ms else ""
    more = f"{wording.count(row['rows'])} rows, {wording.size(row['output_bytes'])}, partition of {row['day']}"
    return html.Span(f"{row['latency_ms']:,.1f}", className=shade, title=more)
