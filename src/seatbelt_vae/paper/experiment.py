"""An experiment of the paper: models, attacks on them, and figures."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from seatbelt_vae.paper.figure_kinds import Figure
from seatbelt_vae.paper.paper_model import Model, multi_layer, single_layer
from seatbelt_vae.paper.sizes import Size

__all__ = ["Experiment", "Member", "PaperAttack", "models_of_series"]

_PRESETS = {"VAE": "vae", "β-VAE": "beta-vae", "β-TCVAE": "beta-tcvae"}
_LAYERED_PRESETS = {"Seatbelt-VAE": "seatbelt", "TC-DLGM": "tc-dlgm"}


@dataclass(frozen=True)
class PaperAttack:
    """An attack as the paper names it; every attack runs at both strengths.

    Args:
        loss: a loss of `AttackConfig`.
        layers: the layers that the loss compares.
        vary: the only factor in which input and target differ (default: any pair).
        among: factor values that both share (default: any).
    """

    loss: str = "latent-kl"
    layers: str = "all"
    vary: str | None = None
    among: str | None = None


@dataclass(frozen=True)
class Member:
    """A model in an experiment.

    Args:
        series: the line or row of the model.
        model: the model.
    """

    series: str
    model: Model


@dataclass(frozen=True)
class Experiment:
    """One figure or table of Willetts et al. (2021).

    Args:
        id: its name on the command line, such as ``fig5``.
        title: its subject, in one line.
        published: the authors' result, in one or two sentences.
        members: its models at a size.
        attacks: the attacks on each model.
        optional_metrics: further measures of each model, see `EvaluationConfig`; those that a data
            set cannot have are left out.
        classified: the factor that classifiers learn, by data set (default: that of the measure).
        figures: its figures.
        claims: the claims that use it, such as ``C2``.
        linear_reference: whether probabilistic PCA is attacked on the pairs of each data set.
    """

    id: str
    title: str
    published: str
    members: Callable[[Size], Iterable[Member]]
    figures: tuple[Figure, ...]
    attacks: tuple[PaperAttack, ...] = ()
    optional_metrics: tuple[str, ...] = ()
    classified: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    claims: tuple[str, ...] = ()
    linear_reference: bool = False


def models_of_series(
    size: Size,
    series: str,
    sets: Sequence[str],
    latents_or_depths: Sequence[int] = (),
    *,
    betas: Sequence[float] = (),
    seeds: Sequence[int] = (),
) -> Iterator[Member]:
    """The models of a series: one for each data set, β, d_z or L, and training seed.

    Args:
        size: the size of the reproduction.
        series: the kind of model; ``{}`` is replaced by d_z or L.
        sets: the data sets.
        latents_or_depths: d_z of models with one layer, L of others (default: the usual one).
        betas: β (default: those of the size).
        seeds: training seeds (default: `Size.seeds_of`).

    Example:
        >>> from seatbelt_vae.paper.sizes import SIZES
        >>> members = models_of_series(SIZES["small"], "Seatbelt-VAE", ["faces"], betas=(4,))
        >>> [member.model.label for member in members]
        ['faces-seatbelt-z48-24-12-6-beta4-seed0']
    """
    kind = series.split(",")[0]
    several = kind in _LAYERED_PRESETS
    make = multi_layer if several else single_layer
    usual = size.depth if several else size.latent_size
    preset = (_LAYERED_PRESETS | _PRESETS)[kind]
    for data in sets:
        for beta in betas or size.betas:
            for latents_or_depth in latents_or_depths or (usual,):
                is_usual = latents_or_depth == usual
                for seed in seeds or size.seeds_of(data, beta, usual=is_usual):
                    model = make(data, preset, beta, latents_or_depth, seed)
                    yield Member(series.format(latents_or_depth), model)
