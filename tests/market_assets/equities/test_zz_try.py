import time
from tests.desk import *
from market_assets.core import clock
def test_x(desk):
    t=time.time()
    desk.list_symbols("AAPL","EGAP","HALT","SPLT"); print("symbols", time.time()-t); t=time.time()
    r=desk.chain(["AAPL","EGAP","HALT","SPLT"],[2022,2023]); print("chain", time.time()-t)
    for a,res in r.items(): print(a, failed_checks(res,a), {k:v.get("dagster/row_count") for k,v in told(res,a).items()})
    print(told(r["equities_daily_bars"],"equities_daily_bars")["SPLT|2022"])
    print(desk.read("equities_gaps")); print(desk.read("equities_symbol_status").to_dicts())
    print(desk.sandbox.asked(), desk.sandbox.asked("yahoo"))
