"""Writers of the mail ledger."""
