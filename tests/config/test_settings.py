"""Every invalid setting, and its one-line error."""

from collections.abc import Callable

import pytest
from syrupy.assertion import SnapshotAssertion

from seatbelt_vae.config import (
    Architecture,
    AttackConfig,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    ObjectiveConfig,
    TrainingConfig,
    resolve,
    resolve_objective,
)
from seatbelt_vae.config.attack import THREATS, parse_layers
from seatbelt_vae.config.loss_files import LOSSES, WITHOUT_FLOOR
from seatbelt_vae.data.registry import latent_sizes_of
from seatbelt_vae.errors import ConfigError

nan, inf = float("nan"), float("inf")


def _architecture(
    model: ModelConfig | None = None,
    data: str = "dsprites",
    shape: tuple[int, int, int] = (1, 64, 64),
    bounds: tuple[float, float] = (-1.0, 1.0),
) -> Architecture:
    return resolve(model or ModelConfig(), data, shape, bounds, latent_sizes_of(data))


REFUSED: dict[str, Callable[[], object]] = {
    "objective kl_warm_up": lambda: ObjectiveConfig(kl_warm_up=-1),
    "objective tc_warm_up": lambda: ObjectiveConfig(tc_warm_up=-1),
    "objective warm_up_period": lambda: ObjectiveConfig(kl_warm_up=100, warm_up_period=99),
    "objective warm-up of no TC": lambda: resolve_objective(
        ObjectiveConfig(tc_warm_up=10), "beta-vae", depth=1
    ),
    "attack loss": lambda: AttackConfig(loss="latent"),
    "attack path": lambda: AttackConfig(path="comon"),
    "attack strength": lambda: AttackConfig(strength="weak"),
    "attack weights": lambda: AttackConfig(weights="absolute"),
    "attack draws": lambda: AttackConfig(draws=0),
    "attack pairs": lambda: AttackConfig(pairs=0),
    "attack max_evaluations": lambda: AttackConfig(max_evaluations=0),
    "attack memory": lambda: AttackConfig(memory=0),
    "attack fresh_draws": lambda: AttackConfig(fresh_draws=0),
    "attack micro_batch": lambda: AttackConfig(micro_batch=0),
    "attack restarts": lambda: AttackConfig(restarts=-1),
    "attack recheck below": lambda: AttackConfig(recheck=-0.1),
    "attack recheck above": lambda: AttackConfig(recheck=1.5),
    "attack seed": lambda: AttackConfig(seed=-1),
    "attack weight_count": lambda: AttackConfig(weight_count=1),
    "attack threads": lambda: AttackConfig(threads=0),
    "attack threat": lambda: AttackConfig(threat="l-inf"),
    "attack solver": lambda: AttackConfig(solver="newton"),
    "attack together": lambda: AttackConfig(together=0),
    "attack gradient_free": lambda: AttackConfig(gradient_free=-1),
    "attack sampled and strong": lambda: AttackConfig(path="sampled"),
    "attack output by layer": lambda: AttackConfig(loss="output", layers="top"),
    "attack output distance by layer": lambda: AttackConfig(loss="output-l2", layers="1"),
    "attack reconstruction by layer": lambda: AttackConfig(
        loss="damage-reconstruction", threat="l2", layers="bottom"
    ),
    "attack grill under a penalty": lambda: AttackConfig(loss="grill"),
    "attack grill by layer": lambda: AttackConfig(loss="grill", threat="l2", layers="top"),
    "attack damage under a penalty": lambda: AttackConfig(loss="damage-posterior"),
    "attack damage under a squared penalty": lambda: AttackConfig(
        loss="damage-reconstruction", threat="squared-penalty"
    ),
    "attack paper within a budget": lambda: AttackConfig(strength="paper", threat="l2"),
    "attack paper under a squared penalty": lambda: AttackConfig(
        strength="paper", threat="squared-penalty"
    ),
    "attack pgd under a penalty": lambda: AttackConfig(solver="pgd"),
    "attack pgd under a squared penalty": lambda: AttackConfig(
        solver="pgd", threat="squared-penalty"
    ),
    "attack published weights within a budget": lambda: AttackConfig(
        threat="l2", weights="published"
    ),
    "attack weight_count within a budget": lambda: AttackConfig(threat="linf", weight_count=5),
    "attack budgets of a penalty": lambda: AttackConfig(budgets=(0.1,)),
    "attack budgets of a squared penalty": lambda: AttackConfig(
        threat="squared-penalty", budgets=(0.1,)
    ),
    "attack levels empty": lambda: AttackConfig(levels=()),
    "attack levels descending": lambda: AttackConfig(levels=(1.0, 0.5)),
    "attack level negative": lambda: AttackConfig(levels=(-1.0, 0.5)),
    "attack level nan": lambda: AttackConfig(levels=(nan,)),
    "attack level infinite": lambda: AttackConfig(levels=(0.0, inf)),
    "attack levels and a count": lambda: AttackConfig(levels=(0.0, 1.0), weight_count=3),
    "attack levels of a budget": lambda: AttackConfig(threat="l2", levels=(0.1,)),
    "attack budget of zero": lambda: AttackConfig(threat="l2", budgets=(0.0, 0.1)),
    "attack budget above one": lambda: AttackConfig(threat="l2", budgets=(0.1, 1.5)),
    "attack budget nan": lambda: AttackConfig(threat="linf", budgets=(nan,)),
    "attack budgets descending": lambda: AttackConfig(threat="l2", budgets=(0.2, 0.1)),
    "attack budgets twice": lambda: AttackConfig(threat="l2", budgets=(0.1, 0.1)),
    "attack among word": lambda: AttackConfig(among="heart"),
    "attack among twice": lambda: AttackConfig(among="shape=heart,shape=square"),
    "attack among spaces": lambda: AttackConfig(among="shape=heart, scale=5"),
    "attack among empty": lambda: AttackConfig(among=""),
    "layers word": lambda: parse_layers("middle", 4),
    "layers spaces": lambda: parse_layers("1, 3", 4),
    "layers zero": lambda: parse_layers("0", 4),
    "layers above": lambda: parse_layers("1,5", 4),
    "layers twice": lambda: parse_layers("2,2", 4),
    "data images": lambda: DataConfig(images=0),
    "data image_size": lambda: DataConfig(image_size=0),
    "evaluation images": lambda: EvaluationConfig(images=0),
    "evaluation iwae_draws": lambda: EvaluationConfig(iwae_draws=0),
    "evaluation aggregate_images": lambda: EvaluationConfig(aggregate_images=-1),
    "evaluation aggregate_queries": lambda: EvaluationConfig(aggregate_queries=0),
    "evaluation max_chains": lambda: EvaluationConfig(max_chains=7),
    "evaluation traversals": lambda: EvaluationConfig(traversals=-1),
    "evaluation optional_metrics": lambda: EvaluationConfig(optional_metrics=("mig", "denois")),
    "evaluation mig_images": lambda: EvaluationConfig(mig_images=-1),
    "evaluation mig_queries": lambda: EvaluationConfig(mig_queries=0),
    "evaluation downstream_training": lambda: EvaluationConfig(downstream_training=-1),
    "evaluation downstream_images": lambda: EvaluationConfig(downstream_images=0),
    "evaluation downstream_evaluations": lambda: EvaluationConfig(downstream_evaluations=0),
    "evaluation downstream_strengths": lambda: EvaluationConfig(downstream_strengths=("weak",)),
    "evaluation seed": lambda: EvaluationConfig(seed=-1),
    "evaluation batch_size": lambda: EvaluationConfig(batch_size=0),
    "evaluation threads": lambda: EvaluationConfig(threads=-2),
    "model preset": lambda: ModelConfig(preset="seatbelts"),
    "model preset far from all": lambda: ModelConfig(preset="xyz"),
    "model network": lambda: ModelConfig(network="convnet"),
    "model likelihood": lambda: ModelConfig(likelihood="gauss"),
    "model variance zero": lambda: ModelConfig(variance=0.0),
    "model variance nan": lambda: ModelConfig(variance=nan),
    "model depth": lambda: ModelConfig(depth=0),
    "model latent_sizes": lambda: ModelConfig(latent_sizes=(4, 0)),
    "model filters": lambda: ModelConfig(filters=()),
    "model hierarchy_widths": lambda: ModelConfig(hierarchy_widths=(-1,)),
    "model features": lambda: ModelConfig(features=0),
    "model depth and sizes": lambda: ModelConfig(depth=3, latent_sizes=(8, 4)),
    "training gradient_clip": lambda: TrainingConfig(gradient_clip=0.0),
    "training ema_decay": lambda: TrainingConfig(ema_decay=1.0),
    "training ema_decay of zero": lambda: TrainingConfig(ema_decay=0.0),
    "training tracker": lambda: TrainingConfig(trackers=("tensorbord",)),
    "objective beta": lambda: ObjectiveConfig(beta=-1.0),
    "objective beta infinite": lambda: ObjectiveConfig(beta=inf),
    "objective free_bits": lambda: ObjectiveConfig(free_bits=-0.1),
    "objective tc_estimator": lambda: ObjectiveConfig(tc_estimator="mms"),
    "objective free_bits_group": lambda: ObjectiveConfig(free_bits_group="layers"),
    "objective beta of an ELBO": lambda: resolve_objective(ObjectiveConfig(beta=4.0), "hvae", 2),
    "training epochs": lambda: TrainingConfig(epochs=0),
    "training steps": lambda: TrainingConfig(steps=0),
    "training batch_size": lambda: TrainingConfig(batch_size=1),
    "training learning_rate": lambda: TrainingConfig(learning_rate=0.0),
    "training precision": lambda: TrainingConfig(precision="fp16"),
    "training seed": lambda: TrainingConfig(seed=-1),
    "training checkpoint_every": lambda: TrainingConfig(checkpoint_every=0),
    "training validate_every": lambda: TrainingConfig(validate_every=0),
    "training device": lambda: TrainingConfig(device="gpu"),
    "training threads": lambda: TrainingConfig(threads=0),
    "depth of one layer": lambda: _architecture(ModelConfig("beta-tcvae", depth=3)),
    "depth above the ladder": lambda: _architecture(ModelConfig(depth=6)),
    "depth above celeba's": lambda: _architecture(ModelConfig(depth=5), "celeba", (3, 64, 64)),
    "images too small": lambda: _architecture(shape=(1, 15, 64)),
    "channels": lambda: _architecture(shape=(2, 64, 64)),
    "bounds": lambda: _architecture(bounds=(1.0, -1.0)),
    "too few widths": lambda: _architecture(ModelConfig(depth=4, hierarchy_widths=(64, 32))),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_says_what_was_got_and_expected(name: str, snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigError) as caught:
        REFUSED[name]()
    assert "\n" not in str(caught.value)
    assert str(caught.value) == snapshot


@pytest.mark.parametrize(
    ("layers", "expected"),
    [("all", (0, 1, 2, 3)), ("bottom", (0,)), ("top", (3,)), ("2", (1,)), ("4,1", (3, 0))],
)
def test_layers_are_words_or_numbers_from_one(layers: str, expected: tuple[int, ...]) -> None:
    assert parse_layers(layers, 4) == expected


@pytest.mark.parametrize(
    ("loss", "threat"),
    [
        *[(loss, threat) for loss in LOSSES if loss not in WITHOUT_FLOOR for threat in THREATS],
        *[(loss, threat) for loss in WITHOUT_FLOOR for threat in ("l2", "linf")],
    ],
)
def test_a_loss_goes_with_every_threat_that_can_hold_it(loss: str, threat: str) -> None:
    assert AttackConfig(loss, threat=threat).within_budget == (threat in ("l2", "linf"))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_path_is_the_losss_own_unless_given(loss: str) -> None:
    threat = "l2" if loss in WITHOUT_FLOOR else "penalty"
    assert AttackConfig(loss, threat=threat).path is None
    assert AttackConfig(loss, threat=threat).path_used == ("common" if loss == "output" else "mean")
    for path in ("mean", "common"):
        assert AttackConfig(loss, threat=threat, path=path).path_used == path
    given = AttackConfig(loss, threat=threat, path="sampled", strength="single")
    assert given.path_used == "sampled"


@pytest.mark.parametrize(
    ("threat", "expected"),
    [("l2", (0.05, 0.1, 0.2, 0.3, 0.5)), ("linf", (0.01, 0.02, 0.05, 0.1, 0.2))],
)
def test_budgets_are_the_threats_own_unless_given(threat: str, expected: tuple[float, ...]) -> None:
    assert AttackConfig(threat=threat).epsilons == expected
    assert AttackConfig(threat=threat, budgets=(0.3, 1.0)).epsilons == (0.3, 1.0)


@pytest.mark.parametrize("threat", ["l2", "linf"])
@pytest.mark.parametrize("solver", ["quasi-newton", "pgd"])
@pytest.mark.parametrize("strength", ["strong", "single"])
def test_budgets_go_with_both_solvers(threat: str, solver: str, strength: str) -> None:
    config = AttackConfig(threat=threat, solver=solver, strength=strength)
    assert (config.solver, config.strength, config.within_budget) == (solver, strength, True)


def test_posterior_damage_may_choose_its_layers() -> None:
    assert AttackConfig("damage-posterior", "top", threat="linf").layers == "top"


@pytest.mark.parametrize(
    ("data", "depth", "expected"),
    [
        ("dsprites", None, (48, 24, 12, 6)),
        ("dsprites", 1, (6,)),
        ("chairs", 2, (12, 6)),
        ("faces", 5, (96, 48, 24, 12, 6)),
        ("celeba", None, (256, 128, 64, 32)),
        ("celeba", 2, (64, 32)),
    ],
)
def test_a_model_takes_the_last_entries_of_its_ladder(
    data: str, depth: int | None, expected: tuple[int, ...]
) -> None:
    assert _architecture(ModelConfig(depth=depth), data).latent_sizes == expected


@pytest.mark.parametrize("preset", ["vae", "beta-vae", "beta-tcvae"])
@pytest.mark.parametrize("depth", [None, 1])
def test_single_layer_presets_have_one_layer(preset: str, depth: int | None) -> None:
    assert _architecture(ModelConfig(preset, depth=depth)).latent_sizes == (32,)


def test_latent_sizes_replace_the_ladder() -> None:
    model = ModelConfig("vae", latent_sizes=(7, 5), depth=2)
    assert _architecture(model, "celeba").latent_sizes == (7, 5)


@pytest.mark.parametrize(
    ("channels", "network", "filters", "features"),
    [
        (1, "conv", (32, 32, 64, 64), 512),
        (3, "conv", (64, 64, 128, 128), 512),
        (1, "mlp", (32, 32, 64, 64), 1200),
    ],
)
def test_widths_are_the_papers_unless_given(
    channels: int, network: str, filters: tuple[int, ...], features: int
) -> None:
    found = _architecture(ModelConfig(network=network), shape=(channels, 64, 64))
    assert (found.filters, found.features) == (filters, features)
    given = _architecture(ModelConfig(network=network, filters=(5,), features=9))
    assert (given.filters, given.features) == ((5,), 9)


def test_an_mlp_takes_images_of_any_size_and_channels() -> None:
    assert _architecture(ModelConfig(network="mlp"), shape=(2, 3, 5)).image_shape == (2, 3, 5)


@pytest.mark.parametrize(
    ("preset", "depth", "beta", "free_bits"),
    [
        ("vae", 1, 1.0, 0.0),
        ("beta-vae", 1, 4.0, 0.0),
        ("beta-tcvae", 1, 6.0, 0.0),
        ("hvae", 4, 1.0, 0.125),
        ("seatbelt", 2, 6.0, 0.125),
        ("seatbelt", 1, 6.0, 0.0),
        ("dlgm", 3, 1.0, 0.125),
        ("tc-dlgm", 3, 6.0, 0.125),
    ],
)
def test_an_objective_is_decided_by_preset_and_depth(
    preset: str, depth: int, beta: float, free_bits: float
) -> None:
    assert resolve_objective(ObjectiveConfig(), preset, depth) == (beta, free_bits)


def test_what_is_given_prevails_zero_included() -> None:
    given = ObjectiveConfig(beta=0.0, free_bits=0.0)
    assert resolve_objective(given, "seatbelt", 4) == (0.0, 0.0)
    assert resolve_objective(ObjectiveConfig(beta=1.0, free_bits=0.5), "vae", 1) == (1.0, 0.5)
