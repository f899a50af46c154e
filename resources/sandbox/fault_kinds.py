"""What can be wrong with a vendor: every kind of fault, its options, and the vendors that can have it."""

from dataclasses import dataclass

_DAILY = ("polygon", "yahoo")
#: vendors whose rows are hours
HOURLY = ("glassnode",)
#: exchanges of perpetuals, whose rows are settlements; and files of past ones
EXCHANGES = ("binance_usdm", "binance_coinm", "bybit", "okx", "hyperliquid", "deribit", "dydx", "kucoin")
ARCHIVES = ("binance_archive",)
#: markets whose rows are minutes, asked for or streamed
STREAMED = ("binance_usdm", "binance_spot")
#: vendors of minute bars alone; those of daily bars have them too
_BARS = ("alphavantage", "twelvedata")
_ADVISOR = ("advisor",)
#: vendors whose rows are members of an object, which has each only once
_OF_OBJECTS = ("alphavantage",)
#: vendors whose answers have rows that can be wrong one by one
_OF_LISTS = (*_DAILY, *HOURLY, *EXCHANGES, *ARCHIVES, "binance_spot", "twelvedata")
_OF_ROWS = (*_OF_LISTS, *_OF_OBJECTS)
VENDORS = (*_OF_ROWS, "fred", "alternative_me", *_ADVISOR)
#: `dates` of these may also name single hours, as 2024-06-10T05 (UTC)
TIMED = (*HOURLY, *EXCHANGES, *ARCHIVES, "binance_spot", *_BARS)

#: options every kind has; `symbol` is a house symbol or the vendor's id, `match` a part of the path
COMMON = ("symbol", "match", "times", "rate")
_WHEN = ("after", "seconds")


@dataclass(frozen=True)
class Kind:
    """What a fault does, the options of its own, and whose fault it can be."""

    what: str
    options: tuple[str, ...] = ()
    vendors: tuple[str, ...] = VENDORS
    #: options of its own at hourly vendors only
    hourly: tuple[str, ...] = ()

    def own(self, vendor: str) -> tuple[str, ...]:
        """Its options at this vendor."""
        return (*self.options, *(self.hourly if vendor in HOURLY else ()))


#: an HTTP status as a fault
STATUS_NAME = "400..599"
STATUS = Kind(
    "refuses in the vendor's words; `retry_after` and `reset` are headers, in seconds",
    ("retry_after",),
    hourly=("reset",),
)

KINDS: dict[str, Kind] = {
    "timeout": Kind("answers only after `seconds` (30)", ("seconds",)),
    "truncated": Kind("cuts the body in half"),
    "disconnect": Kind("closes the connection in the middle of the body"),
    "not_json": Kind("sends an HTML page with status 200"),
    "nulls": Kind("sets every tenth row's values, or those of `dates`, to null", ("dates",), _OF_ROWS),
    "duplicates": Kind("repeats every tenth row, or those of `dates`", ("dates",), _OF_LISTS),
    "out_of_order": Kind("sends the rows in another order", (), _OF_ROWS),
    "missing_rows": Kind("leaves out every tenth row, or those of `dates`", ("dates",), _OF_ROWS),
    "extra_rows": Kind("adds a row on each of `dates`", ("dates",), _DAILY),
    "wrong_symbol": Kind("names another symbol in the body", (), (*_DAILY, *_BARS)),
    "correction": Kind(
        "multiplies close or rate of `date` by `factor` (1.01); of hours every value, `hours` (0) after publication",
        ("date", "factor"),
        _OF_ROWS,
        hourly=("hours",),
    ),
    "clip": Kind("silently starts in the middle of the window", (), _OF_ROWS),
    "missing_actions": Kind("leaves out all splits and dividends, or those of `dates`", ("dates",), _DAILY),
    "late": Kind("publishes the hours of `dates` only `hours` (6) later", ("dates", "hours"), HOURLY),
    "off_hour": Kind("stamps every tenth row, or those of `dates`, 17 minutes past the hour", ("dates",), HOURLY),
    "usd": Kind("states volumes in USD where BTC was asked for", (), HOURLY),
    "daily_plan": Kind("refuses resolutions finer than a day, as a smaller plan does", (), HOURLY),
    "wrong_window": Kind("answers with the newest page, whatever was asked for", (), EXCHANGES),
    "same_page": Kind("answers with the first page of a history again and again", (), EXCHANGES),
    "clock_ahead": Kind("stamps settlements `seconds` (30) ahead", ("seconds",), EXCHANGES),
    "off_by": Kind("shifts prices of minute bars and quotes by `ratio` (0.02)", ("ratio",), (*_DAILY, *_BARS)),
    "premium": Kind("says that the function is of premium plans, with status 200", (), ("alphavantage",)),
    "daily_limit": Kind("says that the day's requests are used up, with status 200", (), ("alphavantage",)),
    "burst": Kind("asks for one request a second, with status 200", (), ("alphavantage",)),
    "credits": Kind("says that the minute's credits are used up, with status 200", (), ("twelvedata",)),
    "plan_gated": Kind("says that the symbol is of a larger plan, with status 404", (), ("twelvedata",)),
    "ws_refuse": Kind("refuses a stream's handshake with the status `code` (503)", ("code",), STREAMED),
    "ws_silent": Kind("opens a stream and sends no events", (), STREAMED),
    "ws_drop": Kind("drops a stream `after` events, at the latest after `seconds` (30)", _WHEN, STREAMED),
    "ws_shutdown": Kind("announces the server's end `after` events or `seconds` (30), then closes", _WHEN, STREAMED),
    "ws_garbage": Kind("sends a frame that is no JSON before a closed candle", (), STREAMED),
    "ws_duplicate": Kind("sends a closed candle twice", (), STREAMED),
    "queued": Kind("sends empty lines for `seconds` (30), then answers", ("seconds",), _ADVISOR),
    "bad_reply": Kind("says `action` where another member was asked for", (), _ADVISOR),
    "not_json_reply": Kind("replies in prose", (), _ADVISOR),
    "empty_reply": Kind("replies nothing", (), _ADVISOR),
    "cut_reply": Kind("stops in the middle of the reply, as at the limit of tokens", (), _ADVISOR),
}
#: strike a stream when it opens; strike one of its events
STREAM_KINDS = frozenset({"ws_refuse", "ws_silent", "ws_drop", "ws_shutdown"})
EVENT_KINDS = frozenset({"ws_garbage", "ws_duplicate"})
_GROUPS = {EXCHANGES: "exchanges", _OF_ROWS: "vendors of rows", _OF_LISTS: "vendors of lists of rows"}
#: the kinds that act on single rows rather than on a whole answer
ROW_KINDS = frozenset(name for name, kind in KINDS.items() if {"date", "dates"} & set(kind.options))
#: options a kind cannot do without
NEEDED = {"extra_rows": "dates", "correction": "date", "late": "dates"}


def known() -> str:
    """One line naming every vendor, kind and option."""
    kinds = ", ".join(_described(name, kind) for name, kind in {STATUS_NAME: STATUS, **KINDS}.items())
    return f"vendors: {', '.join(VENDORS)}; faults: {kinds}; options of all: {', '.join(COMMON)}"


def _described(name: str, kind: Kind) -> str:
    options = [*kind.options, *(f"{option} at {'/'.join(HOURLY)}" for option in kind.hourly)]
    notes = [", ".join(options)] * bool(options)
    of = _GROUPS.get(kind.vendors, "/".join(kind.vendors))
    notes += [f"{of} only"] * (kind.vendors != VENDORS)
    return f"{name} ({'; '.join(notes)})" if notes else name
