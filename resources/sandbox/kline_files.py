"""A day of minute candles as a table of Binance's archive.

Tables of futures begin with a header. Tables of spot have none, and state time in microseconds from 2025 on.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from resources.sandbox.exchange_desk import Question
from resources.sandbox.fault_minutes import spoilt
from resources.sandbox.kline_wire import lines
from resources.sandbox.minutes import MINUTE_MS, SPOT

#: time after the end of a day when its file appears
APPEARS = timedelta(hours=8)

_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
#: where a candle states when it ends
_CLOSE_TIME = 6
_MICROSECONDS_FROM = date(2025, 1, 1)


def table(question: Question, name: str) -> str | None:
    """The table of a file `<symbol>-1m-YYYY-MM-DD`; None where it is not there, or not yet."""
    symbol, market = question.path["symbol"], question.exchange
    coin = next((one for one in question.desk.backend.coins(market, question.at) if one.symbol == symbol), None)
    found = re.fullmatch(rf"{re.escape(symbol)}-1m-(\d{{4}}-\d\d-\d\d)", name)
    day = None if found is None else _day(found[1])
    if coin is None or day is None:
        return None
    first = datetime(day.year, day.month, day.day, tzinfo=UTC)
    after = first + timedelta(days=1)
    if after + APPEARS > question.at:
        return None
    rows = question.desk.backend.candles(market, symbol, first, after, question.at)
    if not len(rows):
        return None
    micro = market == SPOT and day >= _MICROSECONDS_FROM
    stated = lines(spoilt(rows, question.struck), coin, MINUTE_MS)
    written = [",".join("" if value is None else str(value) for value in _timed(line, micro)) for line in stated]
    return "\n".join([*([] if market == SPOT else [_HEADER]), *written, ""])


def _timed(line: tuple[Any, ...], micro: bool) -> tuple[Any, ...]:
    """A candle with its times in the unit of its table; a close is the last unit before the next open."""
    if not micro:
        return line
    return (line[0] * 1000, *line[1:_CLOSE_TIME], line[_CLOSE_TIME] * 1000 + 999, *line[_CLOSE_TIME + 1 :])


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
