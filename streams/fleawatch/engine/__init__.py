"""Faust made fast and safe: batch transport, cursor, write-behind table, outbox, commit barrier. Knows nothing of trading."""
