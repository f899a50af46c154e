"""What a store refuses, and why.

    StoreError
    ├── RowsOutsidePartition   rows handed over with the wrong partition; none was stored
    ├── SchemaMismatch         stored and declared columns cannot be reconciled by adding columns
    ├── MixedOrigin            sandbox rows into a live store, or the other way round
    ├── IncompleteWrite        fewer rows read back than were written
    ├── VersionPruned          `as_of` asks for a version that retention has removed
    ├── CorruptPartition       a file in the lake that is no partition of this store
    └── StoreUnreachable       the database does not answer

A frame that breaks its own contract is a `ContractViolation`, as at the gate.
"""

from market_assets.core.errors import MarketAssetsError


class StoreError(MarketAssetsError):
    """Base of everything a store refuses."""


class RowsOutsidePartition(StoreError, ValueError):
    """Rows that belong to another partition than the one being written; names the first ones."""


class SchemaMismatch(StoreError, TypeError):
    """Stored columns differ from the declared ones by more than additions; names both types."""


class MixedOrigin(StoreError, ValueError):
    """Sandbox rows for a store of live data, or live rows for a store of sandbox data."""


class IncompleteWrite(StoreError, OSError):
    """The rows read back after a write are not as many as were written."""


class VersionPruned(StoreError, LookupError):
    """The version a read `as_of` needs existed, and retention has removed it."""


class CorruptPartition(StoreError, OSError):
    """A file where a partition should be, without the marks this store gives its files."""


class StoreUnreachable(StoreError, ConnectionError):
    """The database does not answer, or refuses the login. Never holds the password."""
