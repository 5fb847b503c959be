"""Commits whose request or answer is lost on the wire, one after another."""

from dataclasses import dataclass

from tests.faults.cut import Cut, How, holds
from tests.faults.exchange import EXCHANGES, Exchange, Trial
from tests.faults.framing import Message, Protocol

BY_NAME = {exchange.name: exchange for exchange in EXCHANGES}
HOWS: list[How] = ["rst", "fin"]


@dataclass
class Losses:
    """How many answers and requests were lost, and how many writes of lost answers and requests are on the server."""

    answers: int = 0
    requests: int = 0
    kept: int = 0
    appeared: int = 0


def tells_insert(message: Message) -> bool:
    """PostgreSQL's word that rows were inserted; the statement's text may have gone over the wire long before."""
    return message.type == "C" and message.body.startswith(b"INSERT")


def executes(message: Message) -> bool:
    """Execute of a prepared statement, in either protocol (`E` is what PostgreSQL's server calls its errors)."""
    return message.direction == "client" and message.type in ("E", "execute")


def lose_answer(exchange: Exchange, protocol: Protocol, how: How) -> Cut:
    """The server has committed, and its word for it does not arrive."""
    if protocol not in exchange.alone:
        return Cut.answer(b"COMMIT", how=how)
    if protocol == "postgres":
        return Cut("server", matches=tells_insert, how=how)
    return Cut("server", answer_to=executes, how=how)


def lose_request(exchange: Exchange, protocol: Protocol, how: How) -> Cut:
    """The word that would commit does not reach the server."""
    return Cut("client", matches=executes if protocol in exchange.alone else holds(b"COMMIT"), how=how)


def lose_commits(trial: Trial, name: str, times: int) -> Losses:
    """Lose `times` answers, and a request after every tenth."""
    exchange, losses = BY_NAME[name], Losses()
    for turn in range(times):
        how = HOWS[turn % len(HOWS)]
        losses.answers += 1
        losses.kept += lose(trial, exchange, lose_answer(exchange, trial.proxy.protocol, how))
        if turn % 10 == 9:
            losses.requests += 1
            losses.appeared += lose(trial, exchange, lose_request(exchange, trial.proxy.protocol, how))
    return losses


def lose(trial: Trial, exchange: Exchange, cut: Cut) -> bool:
    """Whether all of it is on the server afterwards."""
    attempt = trial.cut(exchange, cut)
    there = trial.oracle.stored(attempt.nonce)[attempt.nonce]
    trial.carry_on(attempt.action)
    return set(there) == attempt.parts
