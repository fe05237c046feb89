"""`fleawatch top`: the fleet at a glance, from the topics that the monitor writes.

Drawn with the terminal's own sequences (`draw`, `terminal`): a table that is redrawn once a second needs no library.
"""
