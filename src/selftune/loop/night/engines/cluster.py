"""The process that holds a Ray cluster of this machine: told folders by line, it says by line what became of each.

It is a process of its own since Ray ends the process that began a cluster when the cluster is lost, and reads the
environment when it is imported. It ends with its input, so with whoever began it.
"""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from selftune.loop.night.engines.working import THREADS, train_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

RETRIES: Final = 2
"""A job whose worker died is begun so often again, each time from its newest checkpoint."""
_STORE_BYTES: Final = 100 * 2**20  # Ray takes no less than 75 MiB; nothing but a name goes through it
_DEAD_SECONDS: Final = 5.0


def settings() -> Mapping[str, str]:
    """What Ray reads of the environment.

    Loopback alone: the variable is meant for other systems, and makes Ray take 127.0.0.1 for this machine's address,
    so that nothing listens beyond it. A token that nobody else has is asked for at every door, and lies in no file.
    """
    return {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_task_oom_retries": str(RETRIES),
        "OMP_NUM_THREADS": str(THREADS),
    }


def main() -> None:
    """`python -m selftune.loop.night.engines.cluster WORKERS FOLDER`, with what `settings` says in its environment."""
    workers, folder = int(sys.argv[1]), sys.argv[2]
    voice = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is none of our lines

    def say(told: Mapping[str, Any]) -> None:
        voice.write(json.dumps(told) + "\n")
        voice.flush()

    import ray

    ray.init(
        address="local",
        num_cpus=workers,
        num_gpus=0,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
        object_store_memory=_STORE_BYTES,
        _temp_dir=folder,
    )
    try:
        say({"open": sorted(open_doors())})
        for line in sys.stdin:
            asked = json.loads(line)
            for place, why in take_all(ray, asked["folders"], seconds=asked["seconds"]):
                say({"place": place, "lost": why})
    finally:
        ray.shutdown()


def take_all(
    api: Any, folders: Sequence[str], *, seconds: float, elapsed: Callable[[], float] = time.monotonic
) -> Iterator[tuple[int, str | None]]:
    """Train all of them, and say of each, as it ends, its place and why it was lost; None where it was not.

    Args:
        api: Ray's module.
        folders: The jobs.
        seconds: After these what is not finished is ended by force.
        elapsed: Seconds of a clock.
    """
    task = api.remote(num_cpus=1, max_retries=RETRIES)(train_folder)
    under_way = {task.remote(folder): place for place, folder in enumerate(folders)}
    until = elapsed() + seconds
    while under_way:
        done, _ = api.wait(list(under_way), num_returns=1, timeout=max(0.0, until - elapsed()))
        for reference in done:
            yield under_way.pop(reference), _why_lost(api, reference)
        if not done:
            for reference in under_way:
                api.cancel(reference, force=True)
            api.wait(list(under_way), num_returns=len(under_way), timeout=_DEAD_SECONDS)
            yield from ((place, f"it was ended by force after {seconds:.0f} s.") for place in under_way.values())
            return


def open_doors() -> set[str]:
    """The addresses beyond loopback at which this process or one that it began listens; they are to be none."""
    import psutil

    here = psutil.Process()
    found = set()
    for process in (here, *here.children(recursive=True)):
        for one in process.net_connections(kind="inet"):
            if one.status == psutil.CONN_LISTEN and not _is_loopback(one.laddr.ip):
                found.add(f"{one.laddr.ip}:{one.laddr.port} ({process.name()})")
    return found


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _why_lost(api: Any, reference: Any) -> str | None:
    try:
        api.get(reference, timeout=_DEAD_SECONDS)
    except api.exceptions.RayError as error:
        said = str(error).strip().partition("\n")[0]
        return f"the process that trained it died {RETRIES + 1} times ({type(error).__name__}: {said})"
    return None


if __name__ == "__main__":
    main()
