"""Exchanges of perpetuals: one frozen record each (`<exchange>.py`), one verifying pager, one client over both."""
