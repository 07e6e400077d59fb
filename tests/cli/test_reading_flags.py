"""Flags of how images are read have the names of the settings, in every verb that meets data."""

import pytest

from seatbelt_vae.cli.options import Attack, DataCheck, DataPrepare
from seatbelt_vae.cli.parsing import parse
from seatbelt_vae.config import DataConfig, ReadingConfig

FLAGS = "--background white --channels 1 --first-frame --follow-links --black -1000 --white 3e3"
EXPECTED = {
    "channels": 1,
    "background": "white",
    "first_frame": True,
    "follow_links": True,
    "black": -1000.0,
    "white": 3000.0,
}


def test_flags_of_train_are_settings_of_the_data():
    data = parse(["train", "run", "--data", "folder", *FLAGS.split()]).run_config.data
    assert data == DataConfig("folder", **EXPECTED)


@pytest.mark.parametrize(("verb", "kind"), [("check", DataCheck), ("prepare", DataPrepare)])
def test_flags_of_data_are_settings_of_reading(verb, kind):
    action = parse(["data", verb, "folder", *FLAGS.split()]).action
    assert isinstance(action, kind)
    assert action.chosen_reading == EXPECTED


@pytest.mark.parametrize("verb", ["attack", "evaluate"])
def test_flags_of_a_judged_model_override_those_of_its_run(verb):
    flags = parse([verb, "model", *FLAGS.split()])
    known = DataConfig("folder", "pictures", images=9, skip_bad=True, background="black")
    expected = DataConfig("folder", "pictures", 9, skip_bad=True, **EXPECTED)
    assert flags.data_config(known) == expected
    assert parse([verb, "model"]).data_config(known) == known


def test_the_settings_that_differ_are_named():
    assert ReadingConfig().chosen_reading == {}
    assert ReadingConfig(**EXPECTED).chosen_reading == EXPECTED
    assert Attack(target="model").chosen_reading == {}
