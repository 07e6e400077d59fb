"""The model card: architecture, training, measures and limits, as Markdown."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined

from seatbelt_vae.config import Architecture, RunConfig, preset_of, resolve_objective
from seatbelt_vae.config.training_defences import defences_of

__all__ = ["CardTable", "model_card"]

_TAGS = ["variational-autoencoder", "adversarial-robustness", "model_hub_mixin"]


@dataclass(frozen=True)
class CardTable:
    """One table of a card.

    Args:
        title: heading above the table.
        columns: column headings.
        rows: cells, as plain text.
        notes: terms and their meanings, listed below the table.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[tuple[str, str]] = ()


def model_card(
    architecture: Architecture,
    trained_as: RunConfig | None,
    *,
    where: str = ".",
    licence: str | None = None,
    data: Sequence[str] = (),
    findings: Sequence[str] = (),
    measures: Sequence[CardTable] = (),
    flags: Sequence[CardTable] = (),
    evaluations: Sequence[EvalResult] = (),
    command: str | None = None,
) -> ModelCard:
    """The card of a model, with its front matter.

    Sites compare the metrics of a model-index across models. So it has only the results of an
    audit, and neither bounds of different likelihoods nor gaps of a suite.

    Args:
        architecture: the architecture of the model.
        trained_as: the settings of its run, if known.
        where: the argument of ``from_pretrained``, ``owner/name`` or a folder; or ``zoo:NAME``.
        licence: the Hub's identifier of the licence; no default is assumed.
        data: sentences about the data set.
        findings: sentences of the main results, the first in bold.
        measures: tables of measures.
        flags: tables of validity flags.
        evaluations: results of an audit, for the model-index.
        command: the command that trained the model.

    Example:
        >>> from seatbelt_vae.config import ModelConfig, resolve
        >>> made_for = resolve(ModelConfig("vae"), "dsprites", (1, 64, 64), (-1.0, 1.0))
        >>> model_card(made_for, None, licence="mit").data.license
        'mit'
    """
    about = _untrained(architecture) if trained_as is None else _of_run(trained_as, architecture)
    tags = sorted({*_TAGS, *about["tags"]})
    front = ModelCardData(
        license=licence,
        library_name="seatbelt-vae",
        tags=tags,
        model_name=about["title"] if evaluations else None,
        eval_results=list(evaluations) or None,
    )
    about |= {"version": version("seatbelt-vae"), "where": where, "licence": licence}
    about |= {"data": data, "findings": findings, "measures": measures, "flags": flags}
    about |= {"architecture": architecture, "facts": _facts(architecture), "command": command}
    page = _environment().get_template("card.md").render(about, front=front.to_yaml())
    return ModelCard(page)


def _untrained(architecture: Architecture) -> dict[str, Any]:
    """The variables of the template for a model without a known run."""
    layers = "one layer" if architecture.depth == 1 else f"{architecture.depth} layers"
    title = f"A variational autoencoder with {layers} of latents"
    return {"title": title, "tags": [], "settings": None, "objective": [], "training": []}


def _of_run(settings: RunConfig, architecture: Architecture) -> dict[str, Any]:
    preset = settings.model.preset
    return {
        "title": f"{preset} on {settings.data.name}",
        "tags": [preset],
        "settings": settings,
        "objective": _objective(settings, architecture.depth),
        "training": _training(settings),
    }


def _facts(architecture: Architecture) -> list[tuple[str, str]]:
    """The architecture in words."""
    low, high = architecture.bounds
    shape = " × ".join(map(str, architecture.image_shape))
    sizes = ", ".join(map(str, architecture.latent_sizes))
    inputs = "z¹ only" if architecture.chain_likelihood else "every layer"
    gaussian = (
        f"Gaussian, variance {architecture.variance:g} for every pixel (fixed, normaliser included)"
    )
    bernoulli = "Bernoulli, on pixels moved to 0 … 1"
    return [
        ("images", f"{shape} (channels, height, width)"),
        ("bounds of a pixel", f"{low:g} … {high:g}".replace("-", "−")),
        ("latent units per layer", f"{sizes} (the layer next to the data first)"),
        ("likelihood", gaussian if architecture.likelihood == "gaussian" else bernoulli),
        ("input of the decoder", inputs),
        ("networks", f"{architecture.network}, {architecture.features} features"),
    ]


def _objective(settings: RunConfig, depth: int) -> list[str]:
    """Sentences about the objective, its weights and its warm-ups."""
    chosen, preset = settings.objective, preset_of(settings.model.preset)
    beta, free_bits = resolve_objective(chosen, settings.model.preset, depth)
    words = {"top": "z" if depth == 1 else "z^L", **asdict(chosen), "radius": chosen.radius_share}
    sentences = [f"The preset {settings.model.preset}: {preset.summary}."]
    if preset.weighed:
        kl = preset.divergence.weight_at(beta)
        formula = "ELBO" if kl == 1 else f"E log p(x|z) − {kl:g}·{preset.divergence.formula}"
        for penalty in preset.penalties:
            formula += f" − {penalty.weight_at(beta):g}·{penalty.formula}".format(**words)
        sentences.append(f"The objective is {formula}, with β = {beta:g}.")
    else:
        sentences.append("The objective is the evidence lower bound (ELBO), without a β.")
    for penalty in preset.weighed:
        if penalty.weight_at(beta) or penalty is preset.divergence:
            sentences.append(penalty.description.format(**words))
        else:
            sentences.append("The penalty has weight 0 and was not computed in training.")
    for defence in defences_of(chosen.defence):
        formula = defence.formula.format(**words)
        weight = defence.weight_at(beta, chosen)
        sentences.append(f"The defence {defence.name} has weight {weight:g}: {formula}.")
        sentences.append(defence.description.format(**words))
    if free_bits:
        sentences.append(f"{free_bits:g} nats per {chosen.free_bits_group} were not charged.")
    period = chosen.warm_up_period
    again = "" if period is None else f", anew every {period:,} steps"
    for penalty in (preset.divergence, *preset.penalties):
        steps = getattr(chosen, penalty.warm_up) if penalty.warm_up else 0
        if steps and penalty.weight_at(beta):
            name = penalty.formula.format(**words)
            sentences.append(f"The weight of {name} rose from 0 in {steps:,} steps{again}.")
    return sentences


def _training(settings: RunConfig) -> list[tuple[str, str]]:
    chosen = settings.training
    length = ("epochs", f"{chosen.epochs:,}")
    decay, limit = chosen.ema_decay, chosen.gradient_clip
    average = [] if decay is None else [("weights", f"their moving average, decay {decay:g}")]
    clip = [] if limit is None else [("gradient", f"scaled down to a norm of {limit:g}")]
    rate = f"{chosen.learning_rate:g}"
    rate += " at the start, cosine decay to 0" if chosen.schedule == "cosine" else ", constant"
    return [
        length if chosen.steps is None else ("steps", f"{chosen.steps:,}"),
        ("batch", f"{chosen.batch_size:,} images"),
        ("learning rate", f"{rate} (Adam)"),
        *clip,
        *average,
        ("precision", chosen.precision),
        ("seed", str(chosen.seed)),
    ]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("seatbelt_vae.models", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["plain"] = lambda text: re.sub(r"([\\*|<])", r"\\\1", text)
    return environment
