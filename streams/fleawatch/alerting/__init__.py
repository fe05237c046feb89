"""Who is told what and when: decided without I/O or clock, the same in every notifier that reads the same topics.

desk        one channel's: what came, what is waiting, what to say next
stages      the list of reasons why an alert is told, waits or stays quiet
routes      what goes where; `routes_file` reads an operator's, `defaults` are ours
explained   which alert makes another one superfluous
silences    what operators want to be quiet
clockface   nights and other times of day
groups      what is told together; `flood` what becomes a digest
entry       one alert, as one channel knows it
places      up to where the topic is done with
"""
