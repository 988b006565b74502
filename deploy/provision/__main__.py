"""`python -m deploy.provision keys|servers|token`: the one-shot services of docker-compose.yml."""

import argparse
import os
import sys
from pathlib import Path

from chassis.kafka.topics import DEPLOY, ONE_MACHINE
from deploy.provision.keys import Volumes, hand_over, write_installation
from deploy.provision.servers import create_schemas, create_topics
from deploy.provision.tokens import issue


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deploy.provision")
    parser.add_argument("--installation", type=Path, default=Path("/installation"))
    parser.add_argument("--database", default="postgres:5432/kyufu", help="host:port/database")
    steps = parser.add_subparsers(dest="step", required=True)
    keys = steps.add_parser("keys", help="write key files and hand them out")
    keys.add_argument("--shares", type=Path, default=Path("/shares"))
    keys.add_argument("--owners", type=Path, default=Path("/owners"))
    keys.add_argument("--data", type=Path, default=Path("/data"))
    keys.add_argument("--clock-start", default="", help="ISO instant; empty: the real clock")
    keys.add_argument("--municipalities", default="", help="codes with a paper desk, by comma")
    servers = steps.add_parser("servers", help="create topics, roles and schemas")
    servers.add_argument("--kafka", default="kafka:9092")
    servers.add_argument("--owner", default="kyufu", help="the database's owner")
    servers.add_argument("--profile", choices=(ONE_MACHINE, DEPLOY), default=ONE_MACHINE)
    servers.add_argument("--replication-factor", type=int, default=1)
    token = steps.add_parser("token", help="print a staff token for a rehearsal")
    token.add_argument("--subject", required=True, help="who, such as operator-1")
    token.add_argument("--roles", required=True, help="by comma, such as operator,payments_viewer")
    token.add_argument("--municipality", default="", help="code; empty: all")
    return parser.parse_args()


def _keys(arguments: argparse.Namespace) -> None:
    volumes = Volumes(
        installation=arguments.installation,
        shares=arguments.shares,
        owners=arguments.owners,
        data=arguments.data,
    )
    made = write_installation(
        volumes,
        municipality_codes=[code for code in arguments.municipalities.split(",") if code],
        database_place=arguments.database,
        clock_start=arguments.clock_start,
    )
    if os.geteuid() == 0:
        hand_over(volumes)
    sys.stderr.write("keys were made\n" if made else "keys were there; handed out again\n")


def _servers(arguments: argparse.Namespace) -> None:
    topics = create_topics(
        arguments.kafka,
        profile=arguments.profile,
        replication_factor=arguments.replication_factor,
    )
    create_schemas(arguments.installation, arguments.database, owner=arguments.owner)
    sys.stderr.write(f"{topics} topics and all schemas are there\n")


def _token(arguments: argparse.Namespace) -> None:
    roles = arguments.roles.split(",")
    text = issue(arguments.installation, arguments.subject, roles, arguments.municipality)
    sys.stdout.write(f"{text}\n")


STEPS = {"keys": _keys, "servers": _servers, "token": _token}


def main() -> int:
    """Do one step; the exit status."""
    arguments = _arguments()
    STEPS[arguments.step](arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
