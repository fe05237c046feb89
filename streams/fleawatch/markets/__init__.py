"""When the main markets are open: local hours, holidays and daylight saving, made into plain numbers for the core."""
