"""What an operator does at a terminal: rules and agents, as files that are checked, compared and applied."""
