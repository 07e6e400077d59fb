"""Every kind of subject, audited from the command line, against loops that a person writes."""

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import jsonschema
import pytest
import torch
from torch import Tensor

from seatbelt_vae import load_data, open_subject
from seatbelt_vae.attacks.methods.search import Search
from seatbelt_vae.auditing import answers, attack_checks
from seatbelt_vae.auditing.candidates import Candidates
from seatbelt_vae.auditing.portfolio import PortfolioAttack
from seatbelt_vae.cli import main
from seatbelt_vae.protocol import Autoencoder
from seatbelt_vae.runs import read_rows, read_tensors
from seatbelt_vae.runs.audit_document import Audit, audit_schema, read_audit
from tests.auditing.acceptance_subjects import SUBJECTS, Accepted, write_data
from tests.auditing.plain_loops import PlainBudget, adam_loop, pgd_loop

SETTINGS = (
    *("--seed", "1", "--gradient-free", "0", "--processes", "1"),
    *("--quiet", "--despite-checks"),
)
BUDGET_FLAGS = {
    "l2": ("--budgets", "0.2", "--linf-budgets", "--sd-budgets"),
    "linf": ("--budgets", "--linf-budgets", "8"),
    "sd": ("--budgets", "--sd-budgets", "0.5"),
}
BUDGETS = {"l2": 0.2, "linf": 8 / 255, "sd": 0.5}
TOLERANCE = 1e-3
Run = Callable[[PortfolioAttack], Candidates]


@dataclass
class Audited:
    """The audit of one subject.

    Args:
        status: the exit status.
        found: the document.
        folder: the folder of the audit.
        slow: whether the subject is compared with one loop only.
        evaluations: most gradient evaluations that a pair got, by threat, before its checks.
        model: the subject, opened again.
    """

    status: int
    found: Audit
    folder: Path
    slow: bool
    evaluations: dict[str, int]
    model: Autoencoder

    def compared(self) -> list[tuple[str, float, float]]:
        """Per loop, pair, threat and goal: a name, the audit's value, and that of the loop."""
        both = []
        rows = [row for row in read_rows(self.folder / "rows") if row["loss"] != "recheck"]
        for threat, steps in self.evaluations.items():
            by_loop = plain_loops(self.model, self.folder, threat, steps, self.slow)
            for (loop, goal), values in by_loop.items():
                for pair, value in enumerate(values.tolist()):
                    of_row = [r[goal] for r in rows if (r["pair"], r["threat"]) == (pair, threat)]
                    both.append((f"{loop} {threat} {goal} {pair}", min(of_row), value))
        return both


def plain_loops(
    model: Autoencoder, folder: Path, threat: str, steps: int, slow: bool
) -> dict[tuple[str, str], Tensor]:
    """The smallest gap of each pair, by loop and goal, written without the audit's own parts.

    A slow subject is compared with one loop, that which is usual for the norm.
    """
    stored = [read_tensors(path) for path in sorted(folder.glob("worst/*.safetensors"))]
    pairs = len(stored)
    x, target = (torch.stack([each[name] for each in stored]) for name in ("x", "target"))
    goals = ("gap", "code_gap") if model.capabilities.codes else ("gap",)
    parts = [range(pairs * place, pairs * (place + 1)) for place in range(len(goals))]

    def outputs(images: Tensor) -> list[Tensor]:
        """Reconstructions of the first rows, codes of the others."""
        z = model.encode(images).z
        image = model.decode([code[:pairs] for code in z]).mean.flatten(1)
        return [image, torch.cat([code.flatten(1) for code in z], dim=1)[pairs:]][: len(goals)]

    x, target = (torch.cat([images] * len(goals)) for images in (x, target))
    with torch.no_grad():
        clean, wanted = outputs(x), outputs(target)

    def distances(found: list[Tensor]) -> Tensor:
        return torch.cat([(a - b).norm(dim=1) for a, b in zip(found, wanted, strict=True)])

    unit = distances(clean)
    budget = PlainBudget.of(model, x, target, threat, BUDGETS[threat])
    options = {"project": budget.project, "steps": steps}

    def loss(images: Tensor) -> Tensor:
        return distances(outputs(images)) / unit

    found = {}
    if not slow or threat == "l2":
        found["Adam"] = adam_loop(loss, x, size=budget.size, **options)
    if not slow or threat == "linf":
        step = 2.5 / steps
        found["PGD"] = pgd_loop(loss, x, step=lambda g: step * budget.steepest(g), **options)
    return {
        (loop, goal): values[list(rows)]
        for loop, values in found.items()
        for goal, rows in zip(goals, parts, strict=True)
    }


class Counter:
    """Counts the gradient evaluations of the searches of an audit."""

    def __init__(self) -> None:
        self.searches: list[Search] = []
        self.by_threat: dict[str, int] = {}

    def run(self, audit_run: Run, attack: PortfolioAttack) -> Candidates:
        """`PortfolioAttack.run`, counted."""
        self.searches.clear()
        found = audit_run(attack)
        total = sum(search.evaluations for search in self.searches).max()
        self.by_threat[attack.threat] = int(total)
        return found

    def descend(
        self, descend: Callable[..., None], search: Search, *args: object, **options: object
    ) -> None:
        """`Search.descend`, counted."""
        self.searches.append(search)
        descend(search, *args, **options)


def audited(accepted: Accepted, folder: Path, place: Path) -> Audited:
    """The audit of a subject by the command."""
    (path,) = place.glob(f"{accepted.data}.*")
    given = ("array", "--root", str(path)) if path.suffix == ".npy" else (str(path),)
    target, counter = accepted.build(folder / "model"), Counter()
    run, descend = PortfolioAttack.run, Search.descend
    size = ("--pairs", "1", "--effort", "0.25") if accepted.slow else ("--pairs", "2")
    settings = (*SETTINGS, *size, *BUDGET_FLAGS[accepted.threat])
    command = ["audit", target, "--data", *given, *settings, "--out", str(folder / "out")]
    with (
        patch.object(PortfolioAttack, "run", lambda attack: counter.run(run, attack)),
        # neither counts here, and both take as long as the attack
        patch.object(attack_checks, "_RECHECK_STARTS", 1),
        patch.object(answers, "_UNIVERSAL_EVALUATIONS", 2),
        patch.object(Search, "descend", lambda *a, **o: counter.descend(descend, *a, **o)),
    ):
        status = main(command)
    out = folder / "out/audit"
    data = load_data("array", path) if path.suffix == ".npy" else load_data(str(path))
    model = open_subject(target, data).for_inference
    return Audited(
        status, read_audit(out / "audit.json"), out, accepted.slow, counter.by_threat, model
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all data sets."""
    folder = tmp_path_factory.mktemp("acceptance")
    write_data(folder)
    return folder


@pytest.fixture(scope="module")
def compared() -> dict[str, list[tuple[str, float, float]]]:
    """The comparisons of all subjects so far."""
    return {}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SUBJECTS)
def test_a_subject_is_read_and_audited(
    name: str,
    place: Path,
    compared: dict[str, list[tuple[str, float, float]]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    accepted = SUBJECTS[name]
    if isinstance(accepted.needs, Path) and not accepted.needs.exists():
        pytest.skip("the folder of public models is not here")
    if isinstance(accepted.needs, str) and importlib.util.find_spec(accepted.needs) is None:
        pytest.skip(f"the extra `{accepted.needs}` is not installed")
    (tmp_path / "model").mkdir()
    done = audited(accepted, tmp_path, place)
    assert done.status == {"pass": 0, "fail": 1, "inconclusive": 2}[done.found.verdict.status]
    jsonschema.validate(json.loads((done.folder / "audit.json").read_text()), audit_schema())
    assert (done.folder / "report.html").stat().st_size > 10_000
    assert done.found.verdict.sentence in " ".join(capsys.readouterr().out.split())
    assumptions = done.found.target.assumptions
    assert (assumptions["code"], assumptions["input"]) == (accepted.code, accepted.input)
    compared[name] = done.compared()


def test_the_audit_is_not_worse_than_a_loop_at_equal_evaluations(
    compared: dict[str, list[tuple[str, float, float]]],
) -> None:
    rows = [row for of_subject in compared.values() for row in of_subject]
    not_worse = [ours <= loop * (1 + TOLERANCE) for _, ours, loop in rows]
    assert sum(not_worse) >= 0.95 * len(rows), compared
