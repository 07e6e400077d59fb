"""Eleven of the twelve claims of the paper as contrasts; C9 is in `rank_correlation`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from seatbelt_vae.paper.claims.claim import Claim
from seatbelt_vae.paper.claims.contrast import Contrast, ModelMean, Role
from seatbelt_vae.paper.quantities import AREA, GAP, OWN_AREA, OWN_GAP, attack_rows

__all__ = ["CLAIMS", "MARGIN", "PUBLIC_CLAIMS"]

_TC, _FACTOR, _BELT = "β-TCVAE", "FactorVAE", "Seatbelt-VAE"
_PAPER_AND_STRONG: tuple[tuple[Role, str], ...] = (("published", "paper"), ("scale", "strong"))
"""Roles of the published measure, by strength of the attack."""

MARGIN = 0.05
"""Gaps and AUDDC that differ by less count as equal."""

_LOSSES = {"latent-kl": "kl", "output": "output", "latent-w2": "w2"}
_WORST = {"gap within ε = 0.2": GAP, "AUDDC": AREA}
_OWN = {"gap reached within ε = 0.2": OWN_GAP, "AUDDC of the attack": OWN_AREA}
"""Models are compared by the most damaging attack of all, attacks by their own results."""


def _rise(series: str, weight: float = 1) -> tuple[ModelMean, ModelMean]:
    """Mean at the most β minus mean at the least."""
    return ModelMean(weight, series, "most"), ModelMean(-weight, series, "least")


def _within_budget(
    words: str,
    experiment: str,
    terms: tuple[ModelMean, ...],
    loss: str | None = None,
    measures: Mapping[str, str] = _WORST,
) -> Iterator[Contrast]:
    """Gap and AUDDC under the strong attack; without a loss the terms select the rows."""
    named, where = (f", {loss}", attack_rows(loss)) if loss else ("", Contrast.where)
    for measure, value in measures.items():
        yield Contrast(
            f"{words}: {measure}{named}",
            experiment,
            value,
            terms,
            strength="strong",
            where=where,
            margin=MARGIN,
        )


def _robust(
    words: str,
    experiment: str,
    terms: tuple[ModelMean, ...],
    loss: str = "latent-kl",
    published: str = "",
    measures: Mapping[str, str] = _WORST,
) -> Iterator[Contrast]:
    """Gap and AUDDC under the strong attack, and Δ under both attacks."""
    yield from _within_budget(words, experiment, terms, loss, measures)
    for role, strength in _PAPER_AND_STRONG:
        yield Contrast(
            f"{words}: Δ, {loss}",
            experiment,
            "delta_mean",
            terms,
            role=role,
            strength=strength,
            where=attack_rows(loss),
            kind="geometric",
            published=published,
        )


C1 = Claim(
    "C1",
    "the attacker's loss rises with β for β-TCVAEs",
    tuple(_robust("β-TCVAE gains with β", "fig3", _rise(_TC), published="fig3.delta_kl")),
    penalised=(_TC,),
    primary=True,
)

C2 = Claim(
    "C2",
    "it rises far more for Seatbelt-VAEs",
    tuple(
        _robust(
            "Seatbelt-VAE gains more with β than β-TCVAE",
            "fig5",
            (*_rise(_BELT), *_rise(_TC, -1)),
            published="fig5.*.delta_kl",
        )
    ),
    penalised=(_TC, _BELT),
    primary=True,
)


def _c3() -> Iterator[Contrast]:
    terms, words = _rise(_BELT), "Seatbelt-VAE gains with β"
    yield from _within_budget(words, "fig5", terms)
    # −log p(x_t|z*) also rises where reconstruction gets worse, without any attack
    nll = Contrast(f"{words}: −log p(x_t|z*)", "fig5", "nll_target", terms)
    yield replace(nll, words=f"{nll.words} above its floor", value="nll_excess", strength="strong")
    for role, strength in _PAPER_AND_STRONG:
        yield replace(nll, role=role, strength=strength)


C3 = Claim(
    "C3", "−log p(x_t|z*) rises with β for Seatbelt-VAEs", tuple(_c3()), (_BELT,), primary=True
)


def _c4(experiment: str, penalised: tuple[str, ...], published: str = "") -> Claim:
    return Claim(
        "C4",
        "TC-penalised models are harder to fool than those at β = 1 under all three attacks",
        tuple(
            contrast
            for series in penalised
            for loss, short in _LOSSES.items()
            for contrast in _robust(
                f"{series} gains with β",
                experiment,
                _rise(series),
                loss,
                published and published.format(short),
                _OWN,
            )
        ),
        penalised,
        primary=True,
    )


C4 = _c4("fig5", (_TC, _BELT), "fig5.*.delta_{}")

C5 = Claim(
    "C5",
    "Seatbelt-VAEs lose less ELBO with β than β-TCVAEs",
    (
        Contrast(
            "Seatbelt-VAE loses less ELBO with β than β-TCVAE",
            "fig6",
            "elbo",
            (*_rise(_BELT), *_rise(_TC, -1)),
            source="evaluations USING (run)",
            where="TRUE",
        ),
    ),
)

C6 = Claim(
    "C6",
    "β-TCVAEs keep a broader ‖σ‖ than β-VAEs and lose less likelihood",
    (
        Contrast(
            "‖σ(x)‖ spreads more over images in β-TCVAE than in β-VAE",
            "fig2",
            "spread",
            (ModelMean(1, _TC, "most"), ModelMean(-1, "β-VAE", "most")),
            source=(
                "(SELECT run, stddev_samp(sigma_norm[1]) AS spread FROM sigma GROUP BY run) "
                "USING (run)"
            ),
            where="TRUE",
        ),
        Contrast(
            "β-TCVAE loses less log p(x|z) with β than β-VAE",
            "fig2",
            "log_likelihood",
            (*_rise(_TC), *_rise("β-VAE", -1)),
            source="evaluations USING (run)",
            where="TRUE",
        ),
    ),
)


def _c7() -> Iterator[Contrast]:
    series = f"{_BELT}, L = 4"
    for layers in ("bottom", "top"):
        terms = (
            ModelMean(1, series, "most", attack_rows(layers=layers)),
            ModelMean(-1, series, "most", attack_rows()),
        )
        words = f"attacking all layers fools more than attacking the {layers} one"
        yield from _within_budget(words, "figD8", terms, measures=_OWN)
        yield Contrast(
            f"{words}: −log p(x_t|z*)",
            "figD8",
            "nll_target",
            terms,
            role="published",
            strength="paper",
        )


C7 = Claim("C7", "attacking all layers is the strongest attack", tuple(_c7()))


def _c8() -> Iterator[Contrast]:
    terms = (
        ModelMean(1, _TC, "most", attack_rows("output")),
        ModelMean(-1, _TC, "most", attack_rows()),
    )
    words = "latent attacks fool more than output attacks"
    yield from _within_budget(words, "figE9", terms, measures=_OWN)
    yield Contrast(
        f"{words}: ‖rec(x*) − x_t‖",
        "figE9",
        "target_error",
        terms,
        role="published",
        strength="paper",
    )


C8 = Claim("C8", "latent attacks are stronger than output attacks", tuple(_c8()))

C10 = Claim(
    "C10",
    "models with β > 1 are better at seeing through noise",
    tuple(
        Contrast(
            f"{series} keeps more log p(x|z) with β under noise {noise:g}",
            "figF12",
            "log_likelihood",
            _rise(series),
            source="denoising USING (run)",
            where=f"abs(sigma - {noise:g}) < 1e-6",
            item="image",
        )
        for series in (_TC, _BELT)
        for noise in (0.1, 0.5, 1.0)
    ),
)


def _c11() -> Iterator[Contrast]:
    under: tuple[tuple[Role, str], ...] = (("decides", "strong"), ("published", "paper"))
    drop = "(clean_prediction = label)::INT - (attacked_prediction = label)::INT"
    for classifier in ("mlp-reconstruction", "conv-reconstruction", "mlp-latents"):
        for other in ("VAE", _TC):
            for role, strength in under:
                yield Contrast(
                    f"{classifier} loses less on Seatbelt-VAE than on {other}",
                    "table1",
                    drop,
                    (ModelMean(1, other, "most"), ModelMean(-1, _BELT, "most")),
                    role=role,
                    strength=strength,
                    source="downstream USING (run)",
                    where=f"classifier = '{classifier}'",
                    item="image",
                )


C11 = Claim("C11", "downstream accuracy drops least with Seatbelt-VAEs", tuple(_c11()))

C12 = Claim(
    "C12",
    "the TC penalty makes a DLGM no harder to fool",
    tuple(
        # without a margin: two kinds of model that both gain nothing say nothing about the claim
        replace(contrast, margin=None)
        for contrast in _robust(
            "TC-DLGM gains less than half of what Seatbelt-VAE gains",
            "ablation",
            (*_rise(_BELT, 0.5), *_rise("TC-DLGM", -1)),
        )
    ),
    penalised=("TC-DLGM", _BELT),
)

CLAIMS = (C1, C2, C3, C4, C5, C6, C7, C8, C10, C11, C12)

PUBLIC_CLAIMS = (
    replace(
        C1,
        contrasts=tuple(replace(c, experiment="public", published="") for c in C1.contrasts),
        of_these_models=True,
    ),
    replace(_c4("public", (_TC, _FACTOR)), of_these_models=True),
)
"""Claims asked of public models, whose β differs from the published β: no ratio is compared."""
