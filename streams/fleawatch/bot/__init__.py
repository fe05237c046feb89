"""`fleawatch bot`: the fleet from Telegram, for those who may. A role of its own, so that it delays no alert.

command    settings → bot, until SIGTERM
poll       updates, one after the other; what is done is never done again
place      up to where: persisted together with what was done
people     who may do what, and what is kept of strangers
presses    buttons
commands   `/status` and the others
control    pause and resume, asked twice, confirmed by the agent
voice      answers, within Telegram's limits
api, updates   the Bot API
"""
