"""The time of an audit: estimated before the attack, and fitted into the minutes of its owner."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from seatbelt_vae.attacks.prepare import prepare
from seatbelt_vae.auditing.answers import universal_evaluations
from seatbelt_vae.auditing.attack_checks import checking_evaluations
from seatbelt_vae.auditing.audited_images import AuditedImages
from seatbelt_vae.auditing.portfolio import PortfolioAttack, planned_evaluations
from seatbelt_vae.auditing.threat_budgets import threats_of
from seatbelt_vae.auditing.through_defence import further_evaluations
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.errors import ForeignStateError
from seatbelt_vae.protocol import Autoencoder, event_shape_of
from seatbelt_vae.runs import digest_of, write_json
from seatbelt_vae.runs.checked_files import checked_table
from seatbelt_vae.subjects import Subject

__all__ = ["TimePlan", "fitted", "planned", "time_plan", "waited_for"]

_FEWEST_PAIRS = 8  # with fewer there are no intervals
_EFFORTS = (0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03)
_DEFAULT_EFFORT = AuditConfig().effort
_ROWS, _TRIED, _TRIALS = 10, 6, 5  # rows, their gradient evaluations, and repetitions to measure
_ENOUGH = 4.0  # seconds after which no repetition begins
_PAUSE = 0.2
_LONG = 30  # minutes that call for the option


@dataclass(frozen=True)
class TimePlan:
    """The size of an audit and its estimated time.

    Args:
        pairs: number of pairs.
        effort: factor on the gradient evaluations.
        evaluations: gradient evaluations of the process with the most work.
        seconds: their time.
    """

    pairs: int
    effort: float
    evaluations: int
    seconds: float


def time_plan(
    folder: Path,
    subject: Subject,
    images: AuditedImages,
    config: AuditConfig,
    processes: int,
    say: Callable[[str], object],
) -> tuple[AuditConfig, AuditedImages]:
    """State the estimated time; with ``minutes``, the settings and pairs that fit into it.

    The first start stores the fitted settings in ``plan.json``; later starts read them, so that a
    resumed audit attacks the same pairs as often.

    Raises:
        ForeignStateError: the stored settings were fitted for other ones.
        ArtifactError: ``plan.json`` is damaged or cannot be written.
    """
    path, asked = folder / "plan.json", _asked(subject, config)
    if config.minutes is not None and path.exists():
        return _stored(path, asked, config, images)
    model, count = subject.for_inference, len(images.pairs)
    left = count - len(list((folder / "rows").glob("*.parquet")))
    if left <= 0:
        return config, images
    each = _seconds_per_evaluation(model, images, config)
    if config.minutes is None:
        plan = planned(subject, replace(config, pairs=left), each, processes)
        say(_estimate(plan, each, processes))
        return config, images
    plan = planned(subject, replace(config, pairs=count), each, processes)
    chosen = fitted(subject, replace(config, pairs=count), config, each, processes)
    say(f"{_estimate(chosen, each, processes)}; {_decision(chosen, plan, config)}")
    if not path.exists():
        write_json(path, {"asked": asked, **asdict(chosen)})
    return _stored(path, asked, config, images)


def waited_for(
    folder: Path,
    subject: Subject,
    images: AuditedImages,
    config: AuditConfig,
    check: Callable[[], None],
) -> tuple[AuditConfig, AuditedImages]:
    """The plan of another process that fits it into ``minutes``; ``check`` may end the wait."""
    if config.minutes is None:
        return config, images
    while not (folder / "plan.json").exists():
        check()
        time.sleep(_PAUSE)
    return _stored(folder / "plan.json", _asked(subject, config), config, images)


def planned(subject: Subject, config: AuditConfig, each: float, processes: int) -> TimePlan:
    """The plan of an audit whose evaluations take ``each`` seconds; ``config.pairs`` is given."""
    assert config.pairs is not None
    model, plain, attacks = subject.model, subject.undefended, 0
    threats = threats_of(config, event_shape_of(model))
    for budgets in threats.values():
        size = config, config.pairs, len(budgets)
        attacks += planned_evaluations(model, *size)
        attacks += checking_evaluations(model, *size)
        attacks += 0 if plain is None else further_evaluations(model, plain, *size)
    alone = len(threats) * universal_evaluations(config)
    evaluations = round(attacks / min(processes, config.pairs)) + alone
    return TimePlan(config.pairs, config.effort, evaluations, evaluations * each)


def fitted(
    subject: Subject, config: AuditConfig, asked: AuditConfig, each: float, processes: int
) -> TimePlan:
    """The largest plan that fits into ``minutes``: fewer pairs first, then less effort.

    Given numbers stay: ``pairs`` of ``asked``, and an effort other than the default. If nothing
    fits, the smallest plan.

    Args:
        subject: the model.
        config: the settings with the largest number of pairs.
        asked: the settings of the owner.
        each: seconds of one evaluation.
        processes: number of processes that share the pairs.
    """
    assert config.minutes is not None
    assert config.pairs is not None
    fewest = config.pairs if asked.pairs is not None else min(_FEWEST_PAIRS, config.pairs)
    sizes = [(pairs, config.effort) for pairs in range(config.pairs, fewest - 1, -1)]
    if config.effort == _DEFAULT_EFFORT:
        sizes += [(fewest, effort) for effort in _EFFORTS]
    for pairs, effort in sizes:
        plan = planned(subject, replace(config, pairs=pairs, effort=effort), each, processes)
        if plan.seconds <= 60 * config.minutes:
            break
    return plan


def _seconds_per_evaluation(
    model: Autoencoder, images: AuditedImages, config: AuditConfig
) -> float:
    """Seconds of one gradient evaluation and its step, for the headline goal of the first pair."""
    prepared, x, target = prepare(model, *images.sides([0]), targeted=True)
    assert target is not None
    threat, budgets = next(iter(threats_of(config, event_shape_of(model)).items()))
    attack = PortfolioAttack(prepared, x, target, threat, budgets, config, [(config.seed, 0)])
    loss = attack.goals[0].loss
    at_once = min(_ROWS, attack.problem(loss).micro_batch)
    starts = (_ROWS * attack.first_starts(loss))[:at_once]
    attack.descend(loss, starts[:1], 1)  # the first call allocates memory
    seconds, first = list[float](), time.perf_counter()
    while len(seconds) < _TRIALS and (not seconds or time.perf_counter() - first < _ENOUGH):
        began, before = time.perf_counter(), int(attack.evaluations.sum())
        attack.descend(loss, starts, 1, annealed=_TRIED)
        spent = int(attack.evaluations.sum()) - before
        seconds.append((time.perf_counter() - began) / spent)
    return min(seconds)  # other programs only add to it


def _asked(subject: Subject, config: AuditConfig) -> str:
    """Digest of the model and the settings that a plan is for."""
    return digest_of({**asdict(replace(config, threads=None)), "model": subject.digest})


def _stored(
    path: Path, asked: str, config: AuditConfig, images: AuditedImages
) -> tuple[AuditConfig, AuditedImages]:
    """The settings and the pairs of a stored plan."""
    stored = checked_table(path, ["asked", "pairs", "effort"])
    if stored["asked"] != asked:
        raise ForeignStateError(
            f"{path} was fitted for another model or other settings: give another --out, or move "
            f"that folder away"
        )
    config = replace(config, pairs=stored["pairs"], effort=stored["effort"])
    return config, replace(images, pairs=images.pairs[: config.pairs])


def _estimate(plan: TimePlan, each: float, processes: int) -> str:
    minutes = plan.seconds / 60
    lasts = f"{minutes:.0f} minutes" if minutes >= 2 else f"{plan.seconds:.0f} s"
    work = f"{plan.evaluations:,} gradient evaluations of {1000 * each:.3g} ms"
    shared = f" in each of {processes} processes" if processes > 1 else ""
    advice = "; --minutes fits it into a time" if minutes > _LONG else ""
    return f"{plan.pairs} pairs at effort {plan.effort:g}: about {lasts} ({work}{shared}){advice}"


def _decision(chosen: TimePlan, asked: TimePlan, config: AuditConfig) -> str:
    """How the settings were fitted, in words."""
    assert config.minutes is not None
    if chosen.seconds > 60 * config.minutes:
        return (
            f"no smaller audit is allowed, so it will take longer than {config.minutes:g} minutes"
        )
    if (chosen.pairs, chosen.effort) == (asked.pairs, asked.effort):
        return f"it fits into {config.minutes:g} minutes as it is"
    return (
        f"fitted into {config.minutes:g} minutes, from {asked.pairs} pairs at effort "
        f"{asked.effort:g}"
    )
