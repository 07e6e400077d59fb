"""Checks of an attack on a batch of pairs: the model, random noise, new starts, values alone."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch

from seatbelt_vae.attacks.diagnostics.model_checks import check_model
from seatbelt_vae.auditing.goals import Goal, goals_of, norm
from seatbelt_vae.auditing.portfolio import PortfolioAttack
from seatbelt_vae.auditing.schedule import KINDS, schedule_of
from seatbelt_vae.config.audit import AuditConfig
from seatbelt_vae.evaluation.gap import reconstruct
from seatbelt_vae.optim import minimize_gradient_free
from seatbelt_vae.protocol import Autoencoder, capabilities_of, draw_noise
from seatbelt_vae.randomness import Stream

__all__ = ["check_attack", "checking_evaluations"]

# one pair in this many is attacked again, from this many starts of each kind
_RECHECKED, _RECHECK_STARTS = 4, 2
_MARGIN = 0.01
_DRAWS = 8


def check_attack(attack: PortfolioAttack) -> list[dict[str, Any]]:
    """Checks of each pair: the model, random noise, a search by values, new starts.

    Every fourth pair is attacked again from new starts. Better points count.
    """
    problem = attack.problem(attack.goals[0].loss)
    starts = [attack.generator(Stream.AUDIT_PROBE, key) for key in attack.keys]
    rows = [asdict(checks) for checks in check_model(attack.model, problem, starts)]
    noise, paths = _beaten_by_noise(attack), _path_differences(attack)
    falls = {
        "gradient_free_fall": _fall(attack, attack.goals[0], partial(_search_by_values, attack))
    }
    for goal in attack.goals:
        falls[f"fall_{goal.name}"] = _fall(attack, goal, partial(_descend_again, attack, goal))
    return [
        row
        | {"noise_wins": noise[place], "path_difference": paths[place]}
        | {name: fall[place] for name, fall in falls.items()}
        for place, row in enumerate(rows)
    ]


def checking_evaluations(model: Autoencoder, config: AuditConfig, pairs: int, width: int) -> int:
    """Gradient evaluations of the checks of pairs under one threat, three values being one."""
    plans = [schedule_of(goal, width, config.effort) for goal in goals_of(model)]
    each = sum(plan.annealed + plan.evaluations for plan in plans)
    again = -(-pairs // _RECHECKED) * KINDS * _RECHECK_STARTS * each
    return again + pairs * config.gradient_free // 3


def _beaten_by_noise(attack: PortfolioAttack) -> list[int]:
    """In how many goals and budgets of each pair noise is worse than the attacks by 1 %."""
    wins = torch.zeros(len(attack.x), dtype=torch.long, device=attack.x.device)
    for goal in attack.goals:
        values = attack.found.values(goal, attack.found.best(goal))
        others = attack.found.values(goal, attack.found.best(goal, but=("noise",)))
        wins += ((values - others).abs() > _MARGIN * others.abs()).sum(1)
    return wins.tolist()


def _path_differences(attack: PortfolioAttack) -> list[float | None]:
    """How far the gaps of sampled codes are from those of the posterior means.

    Of the worst cases under the middle budget; mean over draws, relative to the same targets.
    """
    has, pairs, found = capabilities_of(attack.model), attack.found.pairs, attack.found
    if not (has.posterior and has.reparameterised):
        return [None] * len(attack.x)
    goal, middle = attack.goals[0], attack.levels.shape[1] // 2
    best = found.best(goal)
    mean, images = found.values(goal, best)[:, middle], found.images[best[:, middle]]
    differences = []
    for place, key in enumerate(attack.keys):
        shape, generator = (_DRAWS, 1), attack.generator(Stream.AUDIT_PATHS, key)
        draws = draw_noise(attack.model.latent_sizes, shape, generator, like=attack.x)
        sampled = reconstruct(attack.model, images[place, None], draws)[:, 0]
        distances = norm(sampled - pairs.target_reconstruction[place])
        differences.append(float((distances.mean() / pairs.separation[place] - mean[place]).abs()))
    apart = pairs.told_apart.tolist()
    return [value if told else None for value, told in zip(differences, apart, strict=True)]


def _fall(
    attack: PortfolioAttack, goal: Goal, improve: Callable[[], Sequence[int]]
) -> list[float | None]:
    """How much further ``improve`` moves a goal under the middle budget, of the pairs it took.

    For damage, which has no natural unit, relative to the damage before.
    """
    middle = attack.levels.shape[1] // 2
    before = attack.found.values(goal, attack.found.best(goal))[:, middle]
    tried = improve()
    after = attack.found.values(goal, attack.found.best(goal))[:, middle]
    fall = before - after if goal.lowers else (after - before) / before
    return [fall[p].item() if p in tried else None for p in range(len(fall))]


def _descend_again(attack: PortfolioAttack, goal: Goal) -> Sequence[int]:
    middle = attack.levels.shape[1] // 2
    pairs = [place for place, (_, number) in enumerate(attack.keys) if number % _RECHECKED == 0]
    starts = [
        request
        for request in attack.random_starts(goal.loss, Stream.AUDIT_RECHECK, _RECHECK_STARTS)
        if request.level == middle and request.pair in pairs
    ]
    # as long as the descents that they check
    plan = attack.plan(goal)
    attack.descend(goal.loss, starts, plan.evaluations, annealed=plan.annealed, origin="recheck")
    return pairs


def _search_by_values(attack: PortfolioAttack) -> Sequence[int]:
    if not attack.config.gradient_free:
        return ()
    goal, middle = attack.goals[0], attack.levels.shape[1] // 2
    problem, count = attack.problem(goal.loss), len(attack.x)
    pairs = torch.arange(count, device=attack.x.device)
    found = minimize_gradient_free(
        lambda points, rows: problem.parts(points, pairs[rows]).sum(1),
        attack.found.images[attack.found.best(goal)[:, middle]].flatten(1),
        **problem.threat.region(problem.x, attack.levels[:, middle], problem.bounds),
        anchors=torch.stack([problem.x, problem.target], dim=1),
        evaluations=attack.config.gradient_free,
        image_shape=problem.event_shape if len(problem.event_shape) == 3 else None,
        generators=[attack.generator(Stream.AUDIT_GRADIENT_FREE, key) for key in attack.keys],
        micro_batch=problem.micro_batch,
    )
    attack.found.add(found.x, pairs, torch.full_like(pairs, middle), "gradient-free")
    return range(count)
