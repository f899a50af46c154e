"""Asking a vendor who a symbol is, before it joins the universe."""

from market_assets.equities.settings import SymbolSettings
from market_assets.equities.transforms.symbols import vendor_ids
from market_assets.settings import Settings
from resources.http.errors import AllSourcesFailed, MissingKey, NotFound, Unauthorized, VendorError
from resources.vendors.daily import Listing
from resources.vendors.registry import Vendors


def listing(settings: Settings, line: SymbolSettings) -> Listing:
    """Name and listing dates of the symbol, from the first source that answers.

    Raises NotFound with the vendor's answer where it does not know the id, Unauthorized where it
    refuses the key, AllSourcesFailed where no source could be asked.
    """
    ids = vendor_ids(line.symbol, line.asset_class) | {
        name: value for name, value in (("polygon_id", line.polygon_id), ("yahoo_id", line.yahoo_id)) if value
    }
    vendors, failures = Vendors(settings), list[VendorError]()
    try:
        for name in settings.equities.sources:
            vendor_id = ids.get(f"{name}_id")
            if vendor_id is None:
                continue
            try:
                return vendors.source(name).listing(vendor_id)
            except MissingKey as missing:
                failures.append(missing)
            except (NotFound, Unauthorized):
                raise
            except VendorError as failed:
                failures.append(failed)
    finally:
        vendors.close()
    trace = [f"{failure.vendor}: {failure.detail}" for failure in failures]
    raise AllSourcesFailed(", ".join(settings.equities.sources), line.symbol, failures, trace)
