"""Settings are unchanged by TOML; errors name the wrong setting."""

import dataclasses
import subprocess
import sys
import tomllib
import typing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from seatbelt_vae.config import (
    PRESETS,
    AttackConfig,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    TrainingConfig,
    dump_toml,
    load_toml,
    resolve,
)
from seatbelt_vae.config.attack import STRENGTHS
from seatbelt_vae.config.evaluation import OPTIONAL_METRICS
from seatbelt_vae.config.model import Architecture
from seatbelt_vae.config.objective import TC_ESTIMATORS
from seatbelt_vae.config.run import place_of
from seatbelt_vae.config.toml import from_dict
from seatbelt_vae.config.training import TRACKERS
from seatbelt_vae.config.training_defences import TRAINING_DEFENCES
from seatbelt_vae.errors import ConfigError

counts = st.integers(2, 10**9)
sizes = st.lists(st.integers(1, 512), min_size=1, max_size=5).map(tuple)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
BY_HAND = {
    "preset": st.sampled_from(list(PRESETS)),
    "loss": st.just("latent-kl"),
    "among": st.none() | st.sampled_from(["shape=heart", "shape=2,scale=5"]),
    "path": st.none() | st.sampled_from(["mean", "common"]),
    "tc_estimator": st.sampled_from(TC_ESTIMATORS),
    "recheck": st.floats(0, 1),
    "max_chains": st.integers(8, 512),
    "depth": st.none(),
    "lipschitz_constants": st.none(),
    "kl_warm_up": st.integers(0, 1000),
    "tc_warm_up": st.integers(0, 1000),
    "gradient_clip": st.none() | st.floats(0.1, 1e3),
    "ema_decay": st.none() | st.floats(0.1, 0.9),
    "trackers": st.lists(st.sampled_from(TRACKERS), unique=True).map(tuple),
    "optional_metrics": st.lists(st.sampled_from(OPTIONAL_METRICS), unique=True).map(tuple),
    "downstream_strengths": st.lists(st.sampled_from(STRENGTHS), unique=True).map(tuple),
    "downstream_budgets": st.lists(st.floats(1e-300, 1)).map(tuple),
    "defence": st.lists(st.sampled_from(list(TRAINING_DEFENCES)), unique=True).map(tuple),
    "coupling_correlation": st.floats(0, 0.99),
    "warm_up_period": st.none() | st.integers(1000, 10**6),
    "channels": st.sampled_from([None, 1, 3]),
    "background": st.sampled_from([None, "white", "#12aBff", "0", "255"]),
    "black": st.none() | st.floats(-1e300, 0),
    "white": st.none() | st.floats(1e-300, 1e300),
}
BY_TYPE = {
    bool: st.booleans(),
    int: counts,
    float: st.floats(1e-300, 1e300),
    str: text,
    tuple[int, ...]: sizes,
    type(None): st.none(),
}
shares = st.sets(st.floats(0, 1, exclude_min=True), min_size=1, max_size=4).map(sorted).map(tuple)
FITTING: dict[type, list[dict[str, st.SearchStrategy]]] = {
    # the path of files states the root
    DataConfig: [
        {"name": text.filter(lambda name: place_of(name, None) == (name, None))},
        {"root": st.none()},
    ],
    AttackConfig: [
        {
            "threat": st.just("penalty"),
            "budgets": st.none(),
            "levels": st.none(),
            "solver": st.just("quasi-newton"),
        },
        {
            "threat": st.sampled_from(["penalty", "squared-penalty"]),
            "budgets": st.none(),
            "loss": st.just("latent-w2"),
            "strength": st.just("strong"),
            "solver": st.just("quasi-newton"),
            "weight_count": st.none(),
            "levels": shares,
        },
        {
            "threat": st.sampled_from(["l2", "linf"]),
            "levels": st.none(),
            "loss": st.sampled_from(["latent-w2", "damage-posterior"]),
            "budgets": st.none() | shares,
            "strength": st.sampled_from(["strong", "single"]),
            "weights": st.just("relative"),
            "weight_count": st.none(),
        },
    ],
}


def _settings(kind: type) -> st.SearchStrategy:
    """Any valid instance of a settings dataclass, by the types of its fields."""
    hints = typing.get_type_hints(kind).items()
    return st.one_of(
        st.builds(kind, **{n: fitting[n] if n in fitting else _field(n, hint) for n, hint in hints})
        for fitting in FITTING.get(kind, [{}])
    )


def _field(name: str, hint: object) -> st.SearchStrategy:
    if name in BY_HAND:
        return BY_HAND[name]
    if dataclasses.is_dataclass(hint):
        return _settings(hint)
    if typing.get_origin(hint) is typing.Literal:
        return st.sampled_from(typing.get_args(hint))
    if hint in BY_TYPE:
        return BY_TYPE[hint]
    return st.one_of([BY_TYPE[option] for option in typing.get_args(hint)])


EVERY_KIND = [
    AttackConfig,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    TrainingConfig,
]


@pytest.mark.parametrize("kind", EVERY_KIND)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_written_reads_back_equal(kind: type, data: st.DataObject) -> None:
    config = data.draw(_settings(kind))
    found = from_dict(kind, tomllib.loads(dump_toml(config)))
    assert found == config
    assert repr(found) == repr(config)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_an_empty_file_means_the_defaults(kind: type, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("")
    assert load_toml(path, kind) == kind()


def test_an_architecture_survives_its_dictionary() -> None:
    architecture = resolve(ModelConfig(depth=2), "dsprites", (1, 64, 64), (-1.0, 1.0))
    assert from_dict(Architecture, tomllib.loads(dump_toml(architecture))) == architecture


def test_a_choice_that_may_be_left_out_can_be_given() -> None:
    assert from_dict(AttackConfig, {"path": "common"}).path == "common"
    with pytest.raises(ConfigError) as caught:
        from_dict(AttackConfig, {"path": 3})
    assert str(caught.value) == "path is 3, expected 'mean' or 'common' or 'sampled'"


def test_budgets_are_numbers_in_a_list() -> None:
    assert from_dict(AttackConfig, {"threat": "l2", "budgets": [0.5, 1]}).budgets == (0.5, 1.0)
    with pytest.raises(ConfigError, match=r"^budgets is 0\.5, expected .*$"):
        from_dict(AttackConfig, {"threat": "l2", "budgets": 0.5})


def test_a_whole_number_is_a_fine_float_and_no_other_type_is_guessed() -> None:
    found = from_dict(ObjectiveConfig, {"beta": 4})
    assert (found.beta, type(found.beta)) == (4.0, float)


FILES = {
    "no TOML": b"steps = = 3",
    "no UTF-8": b"\xff\xfe\x00",
    "unknown key": b"[training]\nbach_size = 3",
    "unknown key of no kind": b"[training]\nqqqq = 3",
    "unknown table": b"[modell]\npreset = 'vae'",
    "no table": b"model = 'vae'",
    "text for a number": b"[training]\nsteps = '100'",
    "float for a number": b"[training]\nsteps = 1.5",
    "truth for a number": b"[training]\nsteps = true",
    "truth for a float": b"[objective]\nbeta = true",
    "number for a word": b"[model]\npreset = 3",
    "number for a choice": b"[model]\nnetwork = 3",
    "unknown choice": b"[model]\nnetwork = 'cnn'",
    "number for sizes": b"[model]\nlatent_sizes = 3",
    "text in sizes": b"[model]\nlatent_sizes = [3, 'x']",
    "out of range": b"[training]\nlearning_rate = -1.0",
    "contradiction": b"[model]\ndepth = 3\nlatent_sizes = [4, 2]",
}


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file_is_named_with_its_fault(
    name: str, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(FILES[name])
    with pytest.raises(ConfigError) as caught:
        load_toml(path, RunConfig)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    assert message.removeprefix(str(path)) == snapshot


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^no such configuration file: .*absent\.toml$"):
        load_toml(tmp_path / "absent.toml", RunConfig)
    with pytest.raises(ConfigError, match=r" is a folder: give a TOML file$"):
        load_toml(tmp_path, RunConfig)


ARCHITECTURE = tomllib.loads(
    dump_toml(resolve(ModelConfig(), "dsprites", (1, 64, 64), (-1.0, 1.0)))
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_shape": [64, 64]}, "image_shape is [64, 64], expected 3 values"),
        ({"bounds": [-1.0, 0.0, 1.0]}, "bounds is [-1.0, 0.0, 1.0], expected 2 values"),
        (
            {"network": "cnn"},
            "unknown network 'cnn': perhaps you meant 'conv'; known: conv, mlp, lipschitz",
        ),
        ({"likelihood": "x"}, "unknown likelihood 'x': known: gaussian, bernoulli"),
        ({"variance": 0.0}, "variance is 0, expected a finite number above 0"),
    ],
)
def test_a_damaged_architecture_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_dict(Architecture, {**ARCHITECTURE, **change})
    assert str(caught.value) == message


def test_a_setting_without_default_must_be_there() -> None:
    table = {k: v for k, v in ARCHITECTURE.items() if k not in ("bounds", "features")}
    with pytest.raises(ConfigError) as caught:
        from_dict(Architecture, table)
    assert str(caught.value) == "settings are missing that have no default: bounds, features"
    with pytest.raises(ConfigError, match=r"^the content is \[1\], expected a table of settings$"):
        from_dict(Architecture, [1])


def test_settings_never_import_torch() -> None:
    program = "import sys, seatbelt_vae.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


TEXT = '[data]\nname = "dsprites"\n\n[training]\nsteps = 7\n'


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_as_windows_writes_it_is_read(mark: str, end: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes((mark + TEXT.replace("\n", end)).encode())
    assert load_toml(path, RunConfig).training.steps == 7


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_is_refused_by_name(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path.write_bytes((mark + TEXT).encode(encoding))
    with pytest.raises(ConfigError) as caught:
        load_toml(path, RunConfig)
    assert str(caught.value) == f"{path} is UTF-16, expected UTF-8: save it as UTF-8"


def test_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes('[data]\nroot = "Bücher"\n'.encode("cp1252"))
    with pytest.raises(ConfigError) as caught:
        load_toml(path, RunConfig)
    assert str(caught.value) == (f"{path} is not UTF-8 (byte 0xfc in line 2): save it as UTF-8")


def test_a_path_with_backslashes_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[data]\nroot = "C:\\Users\\me"\n')
    with pytest.raises(ConfigError, match=r"; write paths with / or in single quotes$"):
        load_toml(path, RunConfig)
    path.write_text("[data]\nroot = 'C:\\Users\\me'\n")
    assert load_toml(path, RunConfig).data.root == r"C:\Users\me"
