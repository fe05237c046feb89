"""What to do about an alert: pages that ship with the package, or the operator's own."""
