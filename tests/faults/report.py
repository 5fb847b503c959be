"""Runs one harness in a process of its own and prints its violations as JSON: `python -m tests.faults.report`.

Planted faults are read from the environment once a process, and may leave it in any state.
"""

import argparse
import asyncio
import warnings

from tests.database import Database
from tests.faults.verdict import Violations


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("harness", choices=["storm", "commit"])
    parser.add_argument("kind", choices=["postgres", "mariadb"])
    parser.add_argument("url")
    parser.add_argument("admin_url")
    parser.add_argument("size", type=int)
    parser.add_argument("seed", type=int)
    args = parser.parse_args()
    run = {"storm": run_storm, "commit": run_commits}[args.harness]
    print(run(Database(args.kind, args.url, args.admin_url), args.size, args.seed).to_json())


def run_storm(database: Database, tasks: int, seed: int) -> Violations:
    from tests.faults.oracle import open_oracle
    from tests.faults.storm import planted_for, storm_dataflow

    with open_oracle(database) as oracle:
        oracle.plant(planted_for(tasks))
        return asyncio.run(storm_dataflow(database.url, oracle, tasks, seed)).violations


def run_commits(database: Database, times: int, seed: int) -> Violations:
    from tests.faults.conftest import make_proxy
    from tests.faults.exchange import Trial
    from tests.faults.losses import lose_commits
    from tests.faults.marked import open_flow
    from tests.faults.oracle import open_oracle

    with make_proxy(database, disguised=True) as proxy, open_oracle(database) as oracle:
        flow = open_flow(proxy.url(database.url), pool_size=1, acquire_timeout=5)
        with flow.db:
            trial = Trial(flow, proxy, oracle, nonce=seed)
            trial.warm()
            lose_commits(trial, "transaction", times)
            return trial.violations


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "dataflow._core is a debug build", RuntimeWarning)
    main()
