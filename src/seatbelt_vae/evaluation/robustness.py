"""The measures of the stored attacks of one pair of images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seatbelt_vae.config import AttackConfig
from seatbelt_vae.errors import ShapeError
from seatbelt_vae.evaluation.budget_search import BudgetSearch
from seatbelt_vae.evaluation.budgets import MatchedBudgets, matched_budgets_of_pairs
from seatbelt_vae.evaluation.distortion_damage import Area, auddc, auddc_worst
from seatbelt_vae.evaluation.first_order import first_order_gaps
from seatbelt_vae.evaluation.gap import Pair, reconstruct
from seatbelt_vae.evaluation.measures import BUDGETS
from seatbelt_vae.evaluation.sampled_path import negative_log_likelihood, sampled_gap
from seatbelt_vae.protocol import Autoencoder, Noise, capabilities_of, draw_noise
from seatbelt_vae.randomness import Stream, generator_for
from seatbelt_vae.runs.json_files import finite

__all__ = [
    "PairMeasures",
    "StoredAttacks",
    "makes_budgeted",
    "measure_pair",
    "measure_pairs",
]

Row = dict[str, Any]

_BATCH = 64


@dataclass(frozen=True)
class PairMeasures:
    """Everything measured on one pair.

    Args:
        pair: images and clean reconstructions.
        rows: one row per stored attack, see `measure_pair`.
        budgets: the best candidates within matched budgets.
        budgets_sampled: their gaps on the sampled path.
        area, area_worst: AUDDC as published, and of the running minimum; None if the pair is not
            told apart.
        first_order: the gap per budget that the encoder allows to first order, or None.
        certified: lower bounds of the gap per budget; None for a model without a certificate.
    """

    pair: Pair
    rows: list[Row]
    budgets: MatchedBudgets
    budgets_sampled: Tensor
    first_order: Sequence[float | None]
    area: Area | None = None
    area_worst: Area | None = None
    certified: tuple[float | None, ...] = ()

    @property
    def budget_rows(self) -> list[Row]:
        """One row per budget: the smallest gap found, its origin, its recheck, reference gaps."""
        found = self.budgets
        return [
            {
                "pair": self.rows[0]["pair"],
                "epsilon": epsilon,
                "gap": finite(found.gap[i]),
                "gap_sampled": finite(self.budgets_sampled[i].item()),
                "unconverged": found.unconverged[i],
                "transfer_fall": found.transfer_fall[i],
                "fresh_gap": found.fresh_gap[i],
                "how": found.how[i],
                "gap_of_rows": finite(found.gap_of_rows[i]),
                "blend_gap": finite(found.blend_gap[i]),
                "identity_gap": 1 - epsilon,
                "first_order_gap": self.first_order[i],
                "certified_gap": self.certified[i],
                "distance_relative": found.distance_relative[i],
                "told_apart": self.pair.gap_is_defined,
            }
            for i, epsilon in enumerate(found.epsilon)
        ]

    @property
    def pictures(self) -> dict[str, Tensor]:
        """Images to look at: the best candidate of each budget, and the clean pair."""
        return {
            "adversarial": self.budgets.images,
            "reconstruction": self.budgets.reconstructions,
            "x": self.pair.x,
            "target": self.pair.target,
            "reconstruction_x": self.pair.reconstruction,
            "reconstruction_target": self.pair.target_reconstruction,
        }


@dataclass(frozen=True)
class StoredAttacks:
    """The stored attacks of one pair.

    Args:
        x, target: images :math:`(C, H, W)`.
        adversarial: :math:`x^*` of every row, :math:`(n, C, H, W)`.
        rows: the rows of the attack; their ``level`` is used, and their ``pair`` if they have one.

    Raises:
        ShapeError: not one image per row.
    """

    x: Tensor
    target: Tensor
    adversarial: Tensor
    rows: Sequence[Row]

    def __post_init__(self) -> None:
        if len(self.adversarial) != len(self.rows) or not self.rows:
            raise ShapeError(
                f"{len(self.adversarial)} adversarial images for {len(self.rows)} rows, expected "
                f"one per row and at least one: attack the pair again"
            )

    @property
    def number(self) -> int:
        """The number of the pair; the rows of a single attack do not name it."""
        return int(self.rows[0].get("pair", 0))


def measure_pair(
    model: Autoencoder,
    x: Tensor,
    target: Tensor,
    adversarial: Tensor,
    rows: Sequence[Row],
    settings: AttackConfig,
) -> PairMeasures:
    r"""Measure the stored attacks of one pair on ``model``.

    Every row gets, keyed by pair and level: ``gap`` (mean path), ``gap_sampled`` (see
    `sampled_gap`), ``distortion``, ``distance_relative``, ``nll_target`` (nats, see
    `negative_log_likelihood`), ``nll_target_floor``, the same for the target itself,
    ``target_error`` :math:`\|\mathrm{rec}(x^*)-x_t\|`,
    ``target_distance`` :math:`\|x^*-x_t\|`, ``target_reconstruction_error``
    :math:`\|\mathrm{rec}(x_t)-x_t\|`, ``told_apart`` and ``told_apart_distortion``. A ratio that
    is not finite is None.

    Args:
        model: the autoencoder, in evaluation mode.
        x, target, adversarial, rows: see `StoredAttacks`.
        settings: the settings of the attack: draws, seed and batch.

    Raises:
        ShapeError: not one image per row.
    """
    (found,) = measure_pairs(model, [StoredAttacks(x, target, adversarial, rows)], settings)
    return found


@torch.no_grad()
def measure_pairs(
    model: Autoencoder, attacks: Sequence[StoredAttacks], settings: AttackConfig
) -> list[PairMeasures]:
    """As `measure_pair` for several pairs; their budgeted attacks share batches."""
    pairs = [Pair.of(model, one.x, one.target) for one in attacks]
    batch, numbers = settings.micro_batch or _BATCH, [one.number for one in attacks]
    search = BudgetSearch(model, pairs, BUDGETS, batch, settings.max_evaluations)
    found = matched_budgets_of_pairs(
        search,
        [one.adversarial for one in attacks],
        lower=makes_budgeted(settings),
        rechecks=[generator_for(Stream.BUDGET_RECHECK, settings.seed, n) for n in numbers],
    )
    first_order = first_order_gaps(model, pairs, BUDGETS)
    parts = zip(attacks, pairs, found, first_order, strict=True)
    return [_measured(model, *one, settings) for one in parts]


def _measured(
    model: Autoencoder,
    attacks: StoredAttacks,
    pair: Pair,
    budgets: MatchedBudgets,
    first_order: Sequence[float | None],
    settings: AttackConfig,
) -> PairMeasures:
    x, target, adversarial, number = pair.x, pair.target, attacks.adversarial, attacks.number
    generator = generator_for(Stream.FRESH_NOISE, settings.seed, number)
    noise = draw_noise(model.latent_sizes, (settings.fresh_draws, 1), generator, like=x)
    columns = _columns(model, pair, adversarial, noise, settings.micro_batch or _BATCH)
    return PairMeasures(
        pair,
        _rows(pair, [{**row, "pair": number} for row in attacks.rows], columns),
        budgets,
        sampled_gap(model, x, target, budgets.images, noise),
        first_order,
        *_areas(pair, columns, budgets),
        tuple(pair.certified_gap(model, e * pair.image_distance) for e in budgets.epsilon),
    )


def _columns(
    model: Autoencoder, pair: Pair, adversarial: Tensor, noise: Noise, batch: int
) -> dict[str, Tensor]:
    """Measures of every row."""
    reconstructions = reconstruct(model, adversarial, batch=batch)
    columns = {
        "gap": pair.gap(reconstructions),
        "gap_sampled": sampled_gap(model, pair.x, pair.target, adversarial, noise),
        "distortion": pair.distortion(reconstructions),
        "distance_relative": pair.distance_relative(adversarial),
        "target_error": pair.norm(reconstructions - pair.target),
        "target_distance": pair.norm(adversarial - pair.target),
    }
    if capabilities_of(model).likelihood:
        columns["nll_target"] = negative_log_likelihood(model, pair.target, adversarial, noise)
        floor = negative_log_likelihood(model, pair.target, pair.target[None], noise)
        columns["nll_target_floor"] = floor.expand(len(adversarial))
    return columns


def _rows(pair: Pair, rows: Sequence[Row], columns: dict[str, Tensor]) -> list[Row]:
    """The measures of every row as plain values, with those of the pair."""
    shared = {
        "target_reconstruction_error": pair.target_reconstruction_error,
        "told_apart": pair.gap_is_defined,
        "told_apart_distortion": pair.distortion_is_defined,
    }
    return [
        {"pair": row["pair"], "level": row["level"]}
        | {name: finite(values[i].item()) for name, values in columns.items()}
        | shared
        for i, row in enumerate(rows)
    ]


def makes_budgeted(settings: AttackConfig) -> bool:
    """Whether budgeted attacks are made on a suite's pairs.

    They are not made for strength ``paper``, whose gaps must be those of the published attack.
    """
    return settings.strength != "paper"


def _areas(
    pair: Pair, columns: dict[str, Tensor], budgets: MatchedBudgets
) -> tuple[Area | None, Area | None]:
    """AUDDC of the stored rows, and of the running minimum over rows and all candidates."""
    if not pair.distortion_is_defined:
        return None, None
    distance, distortion = columns["distance_relative"], columns["distortion"]
    all_distances = torch.cat([distance, *(c.distance_relative for c in budgets.pool)])
    all_distortions = torch.cat([distortion, *(c.distortion for c in budgets.pool)])
    published = auddc(distance.tolist(), distortion.tolist())
    return published, auddc_worst(all_distances.tolist(), all_distortions.tolist())
