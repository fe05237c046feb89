"""`fleawatch doctor`: is everything there that a fleet needs to be watched, and if not, what is to be done?"""
