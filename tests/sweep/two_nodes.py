"""A sweep on a Ray cluster of two nodes on this machine, of which one is killed in the middle.

Run as a program, because Ray leaves threads and sockets behind in its process. The last line of the
output is a JSON object: the killed jobs, the failures, and whether the interrupted sweep raised
KeyboardInterrupt.
"""

import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatbelt_vae.parallel.worker_pool import JobProgress
from seatbelt_vae.sweep import RayEngine, run_sweep
from seatbelt_vae.workflow import Job
from tests.sweep import small

__all__ = ["INTERRUPTED", "JOBS"]

JOBS: dict[str, Job] = {
    "one": small.job(steps=300, checkpoint_every=20),
    "two": small.job(steps=300, checkpoint_every=20, seed=1),
    "bad": small.job(batch_size=1000),
    "three": small.job("seatbelt"),
}
# trains for several seconds, since a request to stop takes up to one second to arrive
INTERRUPTED = small.job(steps=1500, checkpoint_every=100)
NODE = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 << 20}


@dataclass
class Killer:
    """Kills a node with all its processes, once a model is being trained there.

    Args:
        node: the process id of its raylet.
        out: folder of the runs.
    """

    node: int
    out: Path
    killed: list[str] = field(default_factory=list)

    def __call__(self, news: JobProgress) -> None:
        """Kill the node if it trains this job."""
        import psutil

        if self.killed or news.what != "training":
            return
        (attempts,) = self.out.glob(f"{news.job}-*/attempts.json")
        at_work = json.loads(attempts.read_text())[-1]["process"]
        raylet = psutil.Process(self.node)
        workers = [process.pid for process in raylet.children(recursive=True)]
        if at_work in workers:
            for process in (self.node, *workers):
                os.kill(process, signal.SIGKILL)
            self.killed.append(news.job)


def interrupt(news: JobProgress) -> None:
    """Raise KeyboardInterrupt, as Ctrl-C does, once a model is being trained."""
    if news.what == "training":
        raise KeyboardInterrupt


def main(out: Path) -> dict[str, Any]:
    """Sweep into ``out/killed`` and, interrupted, into ``out/interrupted``."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    try:
        (raylet,) = cluster.add_node(**NODE).all_processes["raylet"]
        killer = Killer(raylet.process.pid, out / "killed")
        engine = RayEngine(cluster.address)
        result = run_sweep(out / "killed", JOBS, engine=engine, on_progress=killer)
        try:
            run_sweep(
                out / "interrupted", {"one": INTERRUPTED}, engine=engine, on_progress=interrupt
            )
            stopped = False
        except KeyboardInterrupt:
            stopped = True
    finally:
        cluster.shutdown()
    return {"killed": killer.killed, "failures": result.failures, "stopped": stopped}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
