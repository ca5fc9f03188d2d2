"""Say in one sentence when a service of `make test-services` does not answer: check_services.py DB_URL REDIS_URL."""

from __future__ import annotations

import sys

import psycopg
import redis


def main(database_url: str, redis_url: str) -> int:
    try:
        psycopg.connect(database_url.replace("postgres://", "postgresql://", 1), connect_timeout=3).close()
    except psycopg.Error as error:
        print(
            f"PostgreSQL does not answer at {database_url} ({str(error).splitlines()[0]}); "
            "start it or name another: make test-services TEST_DATABASE_URL=postgres://user@host:5432/name",
            file=sys.stderr,
        )
        return 1
    try:
        redis.Redis.from_url(redis_url, socket_connect_timeout=3).ping()
    except redis.RedisError as error:
        print(
            f"Redis does not answer at {redis_url} ({error}); "
            "start it or name another: make test-services TEST_REDIS_URL=redis://host:6379/0",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
