"""Who is told what and when: decided without I/O or clock, the same in every notifier that reads the same topics.

desk        one channel's: what came, what is waiting, what to say next
stages      the list of reasons why an alert is told, waits or stays quiet
routes      what goes where; `defaults` are ours, `operator.routes_file` reads an operator's
explained   which alert makes another one superfluous
silences    what operators want to be quiet; `deeds`, what was done about alerts
clockface   nights and other times of day
flood       what becomes a digest
entry       one alert, as one channel knows it; `book`, all of them
note        what a channel is asked to show; `letters` make notes of alerts
places      up to where the topic is done with; `deliveries`, what was told
"""
