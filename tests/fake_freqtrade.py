"""A stand-in for freqtrade's REST API: the fields, arithmetic, log-in and errors of its documentation and source (2024.10).

One server has many bots, each below its own path. Money moves as in freqtrade's dry run: a trade ties up its stake until it
closes, and fees are part of a trade's profit. What a live account does beyond that (wallets read late, deposits) is set by hand.
"""

import asyncio
import base64
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

USER, PASSWORD = "Freqtrader", "SuperSecret1!"
FEE = 0.001
Fill = tuple[float, float]
"""Price and amount."""


@dataclass
class Deal:
    """One trade of freqtrade's: bought (or sold short) in one or more entries, closed by its last exit."""

    trade_id: int
    pair: str
    entries: Sequence[Fill]
    exits: list[Fill] = field(default_factory=list)
    short: bool = False
    leverage: float = 1.0
    funding: float = 0.0
    opened: float = 0.0
    closed: float | None = None
    rate: float | None = 0.0
    """The price that the bot sees now; None while the exchange gives none."""
    interest: float = 0.0

    @property
    def bought(self) -> float:
        return sum(amount for _, amount in self.entries)

    @property
    def average(self) -> float:
        return sum(price * amount for price, amount in self.entries) / self.bought

    @property
    def left(self) -> float:
        return self.bought - sum(amount for _, amount in self.exits)

    @property
    def stake(self) -> float:
        return self.left * self.average / self.leverage

    def profit(self, price: float, amount: float) -> float:
        """Of a part, fees of both sides included."""
        if self.short:
            return amount * (self.average * (1 - FEE) - price * (1 + FEE))
        return amount * (price * (1 - FEE) - self.average * (1 + FEE))

    @property
    def realised(self) -> float:
        made = sum(self.profit(price, amount) for price, amount in self.exits)
        return made + (self.funding - self.interest if self.closed is not None else 0.0)

    @property
    def unrealised(self) -> float | None:
        return None if self.rate is None else self.profit(self.rate, self.left) + self.funding

    def page(self, *, orders: bool = True) -> dict[str, Any]:
        """As `Trade.to_json` has it."""
        side, other = ("sell", "buy") if self.short else ("buy", "sell")
        profit = self.realised if self.closed is not None else None
        ratio = None if profit is None else profit / (self.bought * self.average) * self.leverage
        at = self.closed or self.opened
        filled = [
            _order(self, side, index, fill, self.opened, entry=True)
            for index, fill in enumerate(self.entries)
        ] + [_order(self, other, 50 + index, fill, at, entry=False) for index, fill in enumerate(self.exits)]
        base, _, quote = self.pair.partition("/")
        return {
            "trade_id": self.trade_id, "pair": self.pair, "base_currency": base, "quote_currency": quote.partition(":")[0],
            "is_open": self.closed is None, "exchange": "binance",
            # a position that was left in steps shows the amount of its last one
            "amount": round(self.exits[-1][1] if self.closed is not None else self.left, 8),
            "amount_requested": round(self.bought, 8), "stake_amount": round(self.stake or self.bought * self.average, 8),
            "max_stake_amount": round(self.bought * self.average, 8), "strategy": "SampleStrategy", "enter_tag": "dip",
            "timeframe": 5, "fee_open": FEE, "fee_open_cost": None, "fee_open_currency": None, "fee_close": FEE,
            "fee_close_cost": None, "fee_close_currency": None, "open_date": _date(self.opened),
            "open_timestamp": int(self.opened * 1000), "open_fill_date": _date(self.opened),
            "open_fill_timestamp": int(self.opened * 1000), "open_rate": self.average, "open_rate_requested": self.average,
            "open_trade_value": self.bought * self.average, "close_date": _date(self.closed),
            "close_timestamp": None if self.closed is None else int(self.closed * 1000),
            "realized_profit": self.realised, "realized_profit_ratio": ratio,
            "close_rate": self.exits[-1][0] if self.closed is not None else None, "close_rate_requested": None,
            "close_profit": ratio, "close_profit_pct": None if ratio is None else round(ratio * 100, 2),
            "close_profit_abs": profit, "profit_ratio": ratio, "profit_pct": None, "profit_abs": profit,
            "exit_reason": "roi" if self.closed else None, "exit_order_status": "closed" if self.closed else None,
            "stop_loss_abs": 0.0, "stop_loss_ratio": -0.1, "stop_loss_pct": -10.0, "min_rate": self.average,
            "max_rate": self.average, "leverage": self.leverage, "interest_rate": 0.0, "liquidation_price": None,
            "is_short": self.short, "trading_mode": "futures" if ":" in self.pair else "spot",
            "funding_fees": self.funding, "has_open_orders": False, "orders": filled if orders else [],
        }  # fmt: skip


def _order(deal: Deal, side: str, index: int, fill: Fill, at: float, *, entry: bool) -> dict[str, Any]:
    price, amount = fill
    return {
        "pair": deal.pair, "order_id": f"{deal.trade_id}-{index}", "status": "closed", "remaining": 0.0, "amount": amount,
        "safe_price": price, "average": price, "price": price, "cost": price * amount, "filled": amount,
        "ft_order_side": side, "ft_is_entry": entry, "ft_order_tag": None, "order_type": "limit", "is_open": False,
        "order_timestamp": int(at * 1000), "order_filled_timestamp": int(at * 1000), "ft_fee_base": None, "funding_fee": 0.0,
    }  # fmt: skip


def _date(ts: float | None) -> str | None:
    return None if ts is None else datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%d %H:%M:%S")


class Bot:
    """`ills`: page → what it does instead of answering: "hang", "html", "garbage", or a status with freqtrade's body for it."""

    def __init__(
        self, start: float = 10_000.0, *, dry_run: bool = False, allotted: float | None = None
    ) -> None:
        self.deals: list[Deal] = []
        self.capital = start
        self.allotted = allotted
        self.dry_run = dry_run
        self.began = time.time() - 40 * 86_400
        self.started = time.time() - 600
        self.turned: float | None = None  # None: just now
        self.state = "running"
        self.late = 0.0
        """What the wallet shows too much (or too little), because it was not read since an order was filled."""
        self.ills: dict[str, str] = {}
        self.gives_orders = True
        self.asked: Counter[str] = Counter()
        self.token_secs = 15 * 60.0
        self.refresh_secs = 30 * 86_400.0
        self._access: dict[str, float] = {}
        self._refresh: dict[str, float] = {}

    def trade(self, pair: str, *entries: Fill, at: float, **more: Any) -> Deal:
        deal = Deal(
            max((one.trade_id for one in self.deals), default=0) + 1,
            pair,
            entries,
            opened=at,
            rate=entries[0][0],
            **more,
        )
        self.deals.append(deal)
        return deal

    def close(self, deal: Deal, price: float, at: float) -> None:
        deal.exits.append((price, deal.left))
        deal.closed = at

    @property
    def open(self) -> list[Deal]:
        return [deal for deal in self.deals if deal.closed is None]

    @property
    def closed(self) -> list[Deal]:
        return [deal for deal in self.deals if deal.closed is not None]

    @property
    def free(self) -> float:
        made = sum(deal.realised for deal in self.deals)
        return self.capital + made - sum(deal.stake for deal in self.open) + self.late

    @property
    def worth(self) -> float:
        """What the account is worth, counted by hand: the oracle."""
        start = self.capital if self.allotted is None else self.allotted
        return (
            start
            + sum(deal.realised for deal in self.deals)
            + sum(deal.unrealised or 0.0 for deal in self.open)
        )

    def log_in(self, authorization: str) -> web.Response:
        name, _, word = authorization.partition(" ")
        if name != "Basic" or base64.b64decode(word).decode() != f"{USER}:{PASSWORD}":
            return web.json_response({"detail": "Incorrect username or password"}, status=401)
        return web.json_response(
            {
                "access_token": self._new(self._access, self.token_secs),
                "refresh_token": self._new(self._refresh, self.refresh_secs),
            }
        )

    def renew(self, authorization: str) -> web.Response:
        if not _valid(self._refresh, authorization):
            return _not_valid()
        return web.json_response({"access_token": self._new(self._access, self.token_secs)})

    def forget_tokens(self) -> None:
        """As after a change of `jwt_secret_key`."""
        self._access.clear()
        self._refresh.clear()

    @staticmethod
    def _new(tokens: dict[str, float], secs: float) -> str:
        token = secrets.token_urlsafe(24)
        tokens[token] = time.monotonic() + secs
        return token

    def answer(self, page: str, query: Any, authorization: str) -> web.Response:
        if not authorization:
            return web.json_response({"detail": "Unauthorized"}, status=401)
        if not _valid(self._access, authorization):
            return _not_valid()
        if page == "trades":
            return web.json_response(self.trades(int(query.get("limit", 500)), int(query.get("offset", 0))))
        pages = {
            "show_config": self.show_config,
            "balance": self.balance,
            "profit": self.profit,
            "status": self.status,
            "health": self.health,
        }
        if page not in pages:
            return web.json_response({"detail": "Not Found"}, status=404)
        return web.json_response(pages[page]())

    def trades(self, limit: int, offset: int) -> dict[str, Any]:
        """Closed ones by id."""
        every = sorted(self.closed, key=lambda deal: deal.trade_id)
        page = [deal.page(orders=self.gives_orders) for deal in every[offset : offset + limit]]
        return {"trades": page, "trades_count": len(page), "offset": offset, "total_trades": len(every)}

    def status(self) -> list[dict[str, Any]]:
        return [
            deal.page(orders=self.gives_orders)
            | {"profit_abs": deal.unrealised, "current_rate": deal.rate, "realized_profit": deal.realised}
            | {"total_profit_abs": None if deal.unrealised is None else deal.unrealised + deal.realised}
            for deal in self.open
        ]

    def profit(self) -> dict[str, Any]:
        made = sum(deal.realised for deal in self.closed)
        waits = [deal.unrealised for deal in self.open]
        some = None if None in waits else sum(one for one in waits if one is not None)
        every = None if some is None else made + some + sum(deal.realised for deal in self.open)
        return {
            "profit_closed_coin": round(made, 8), "profit_all_coin": None if every is None else round(every, 8),
            "profit_closed_fiat": 0.0, "profit_all_fiat": 0.0, "trade_count": len(self.deals),
            "closed_trade_count": len(self.closed), "first_trade_timestamp": int(self.began * 1000) + 5,
            "latest_trade_timestamp": 0, "avg_duration": "1:00:00", "best_pair": "", "best_rate": 0.0,
            "winning_trades": 0, "losing_trades": 0, "profit_factor": None, "winrate": 0.0, "max_drawdown": 0.0,
            "bot_start_timestamp": int(self.began * 1000), "bot_start_date": _date(self.began),
        }  # fmt: skip

    def balance(self) -> dict[str, Any]:
        stakes = sum(deal.stake for deal in self.open)
        closed = sum(deal.realised for deal in self.closed)
        start = self.free - closed + stakes if self.allotted is None else self.allotted
        return {
            "currencies": [
                {"currency": "USDT", "free": self.free, "balance": self.free, "used": 0.0, "bot_owned": self.free * 0.99,
                 "est_stake": self.free, "est_stake_bot": self.free * 0.99, "stake": "USDT", "side": "long", "position": 0,
                 "is_bot_managed": True, "is_position": False},
            ],
            "total": self.free, "total_bot": self.free * 0.99, "symbol": "USD", "value": 0.0, "value_bot": 0.0, "stake": "USDT",
            "starting_capital": start, "starting_capital_ratio": 0.0, "starting_capital_pct": 0.0,
            "starting_capital_fiat": 0.0, "starting_capital_fiat_ratio": 0.0, "starting_capital_fiat_pct": 0.0,
            "note": "Simulated balances" if self.dry_run else "",
        }  # fmt: skip

    def show_config(self) -> dict[str, Any]:
        return {
            "version": "2024.10", "strategy_version": None, "api_version": 2.4, "dry_run": self.dry_run, "trading_mode": "spot",
            "short_allowed": False, "stake_currency": "USDT", "stake_amount": "unlimited", "available_capital": self.allotted,
            "stake_currency_decimals": 3, "max_open_trades": 3, "minimal_roi": {}, "stoploss_on_exchange": False,
            "timeframe": "5m", "timeframe_ms": 300_000, "timeframe_min": 5, "exchange": "binance", "strategy": "SampleStrategy",
            "force_entry_enable": False, "exit_pricing": {}, "entry_pricing": {}, "bot_name": "freqtrade",
            "state": self.state, "runmode": "dry_run" if self.dry_run else "live", "position_adjustment_enable": False,
            "max_entry_position_adjustment": -1,
        }  # fmt: skip

    def health(self) -> dict[str, Any]:
        turned = time.time() if self.turned is None else self.turned
        return {
            "last_process": _date(turned), "last_process_ts": int(turned), "bot_start": _date(self.began),
            "bot_start_ts": int(self.began), "bot_startup": _date(self.started), "bot_startup_ts": int(self.started),
        }  # fmt: skip


def _valid(tokens: dict[str, float], authorization: str) -> bool:
    kind, _, token = authorization.partition(" ")
    return kind == "Bearer" and tokens.get(token, 0.0) > time.monotonic()


def _not_valid() -> web.Response:
    return web.json_response(
        {"detail": "Could not validate credentials"}, status=401, headers={"WWW-Authenticate": "Bearer"}
    )


class Bots:
    """`base(name)` is a bot's address."""

    def __init__(self) -> None:
        self.port = 0
        self.by_name: dict[str, Bot] = {}

    def base(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def add(self, name: str, bot: Bot) -> Bot:
        self.by_name[name] = bot
        return bot

    async def answer(self, request: web.Request) -> web.StreamResponse:
        bot, page = self.by_name[request.match_info["bot"]], request.match_info["page"]
        bot.asked[page] += 1
        authorization = request.headers.get("Authorization", "")
        ill = bot.ills.get(page) or bot.ills.get("*")
        if ill == "hang":
            await asyncio.sleep(3600)
        if ill == "html":
            return web.Response(text="<html>Bad Gateway</html>", content_type="text/html")
        if ill == "garbage":
            return web.json_response([{"no": "page"}, 7, None])
        if ill is not None:
            error = f"Error querying /api/v1/{page}: Error getting current tickers."
            return web.json_response({"error": error}, status=int(ill))
        if page == "ping":
            return web.json_response({"status": "pong"})
        if request.method == "POST":
            return bot.log_in(authorization) if page == "token/login" else bot.renew(authorization)
        return bot.answer(page, request.query, authorization)


@asynccontextmanager
async def trading() -> AsyncIterator[Bots]:
    bots = Bots()
    application = web.Application()
    for method in ("GET", "POST"):
        application.router.add_route(method, "/{bot}/api/v1/{page:.+}", bots.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bots.port = runner.addresses[0][1]
    try:
        yield bots
    finally:
        await runner.cleanup()
