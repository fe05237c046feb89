"""`fleawatch report`: one agent's figures, attribution and curves, from the topics that the monitor writes."""
