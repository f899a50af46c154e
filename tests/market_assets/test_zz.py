import sys, pytest
from market_assets.cli import main
def call(capsys, monkeypatch, *a):
    monkeypatch.setattr(sys,"argv",["market-assets",*a])
    code=0
    try: main()
    except SystemExit as e: code=e.code
    o=capsys.readouterr()
    with capsys.disabled(): print("\n$", *a, "->", code, "\n", o.out[-1500:], "\nERR", o.err[-1500:])
def test_x(desk, capsys, monkeypatch):
    c=lambda *a: call(capsys, monkeypatch, *a)
    c("config","check"); c("config","show"); c("config","init"); c("config","init")
    desk.list_symbols("AAPL","SPLT"); desk.materialize("equities_daily_bars",keys=["AAPL|2023","SPLT|2023"])
    c("status"); c("symbols","list"); c("symbols","add","ZZZZ"); c("symbols","add","EGAP"); c("symbols","add","EGAP"); c("symbols","remove","EGAP"); c("symbols","remove","EGAP"); c("symbols","remove","EGAPP")
    c("symbols","add","BTC"); c("symbols","add","EGAP", "--asset-class","bond"); c("symbols","add","EGAP", "--valid-from","yesterday")
    c("export","equities_daily_bars","--columns","symbol,session_date,close","--start","2023-12-28")
    c("export","equities_daily_bar"); c("export","equities_daily_bars","--columns","symbol,closee"); c("export","equities_daily_bars","--start","2023-13-01")
    c("export","equities_daily_bars","--symbol","APPL"); c("export","equities_features"); c("export","equities_daily_bars","--max-rows","10"); c("export","equities_daily_bars","--format","parquet")
    c("export","equities_daily_bars","--start","2023-12-28","--format","json","--symbol","AAPL"); c("export","equities_daily_bars","--adjust","foo")
    c("export","equities_daily_bars","--as-of","2020-01-01"); c("export","equities_daily_bars","--start","2023-12-28","--end","2023-12-01")
    c("health")
