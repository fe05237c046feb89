"""freqtrade bots, asked by their REST API as they are: the endpoints and fields are those of its API 2.x."""
