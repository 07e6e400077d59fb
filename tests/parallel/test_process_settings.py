"""A tuned process keeps its freed memory and has the given number of threads."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from seatbelt_vae.parallel.process_settings import tune_process
{tune}
def fresh():
    return torch.empty(2**24).fill_(1)
for _ in range(10):
    fresh()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    fresh()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, torch.get_num_threads())
"""


def faults_and_threads(tune: str) -> tuple[int, int]:
    command = [sys.executable, "-c", FAULTS.format(tune=tune)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(told[0]), int(told[1])


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is what is tuned")
def test_freed_memory_is_kept() -> None:
    plain, tuned = faults_and_threads(""), faults_and_threads("tune_process(None)")
    assert tuned[0] < plain[0] / 4
    assert tuned[1] == plain[1]


def test_threads_are_as_told() -> None:
    assert faults_and_threads("tune_process(1)")[1] == 1
