"""Data sets outside the package, named by the reference of a function."""

import numpy as np
import pytest
import torch

from seatbelt_vae.cli import main
from seatbelt_vae.data import check, list_sets, load_data, prepare
from seatbelt_vae.errors import DataError
from seatbelt_vae.runs import RunFolder

from .own_data import images

HERE = "tests.extending.own_data"


def pixels(data):
    """All images of a set as bytes in their original order, (N, C, H, W)."""
    found = {}
    for split in (data.train, data.test):
        batch = split.batch(np.arange(len(split))).numpy()
        found |= dict(zip(split.indices.tolist(), np.rint((batch + 1) * 127.5), strict=True))
    return np.stack([found[index] for index in sorted(found)])


@pytest.mark.parametrize("name", ["images", "labelled", "tensors", "Pairs", "image_data"])
def test_every_return_value_gives_the_same_images(name):
    data = load_data(f"{HERE}:{name}")
    assert data.name == f"{HERE}:{name}"
    assert data.identity.startswith("function-")
    assert (pixels(data) == images()[:, None]).all()
    assert len(data.test) == 4


@pytest.mark.parametrize("name", ["labelled", "Pairs", "image_data", "mapping"])
def test_labels_are_the_factor_of_their_image(name):
    data = load_data(f"{HERE}:{name}")
    (factor,) = data.factors
    assert factor.size == 4
    for split in (data.train, data.test):
        everywhere = np.arange(len(split))
        assert (split.factors(everywhere)[:, 0] == split.indices % 4).all()


def test_a_mapping_follows_the_names_of_the_array_set():
    assert load_data(f"{HERE}:mapping").image_shape == (3, 3, 16)


@pytest.mark.parametrize("name", ["images", "image_data"])
def test_fewer_training_images_are_the_first_of_them(name):
    few, all_of_them = load_data(f"{HERE}:{name}", images=5), load_data(f"{HERE}:{name}")
    first = all_of_them.train.batch(np.arange(5))
    assert torch.equal(few.train.batch(np.arange(5)), first)
    assert len(few.train) == 5


def test_root_is_the_argument(tmp_path):
    np.save(tmp_path / "images.npy", images())
    assert (pixels(load_data(f"{HERE}:saved", tmp_path)) == images()[:, None]).all()


def test_a_fraction_of_the_size():
    assert load_data(f"{HERE}:images", image_size=8).image_shape == (1, 8, 8)


def test_the_digest_follows_the_images(monkeypatch):
    before = load_data(f"{HERE}:images").identity
    assert load_data(f"{HERE}:images").identity == before
    changed = images() ^ 1
    monkeypatch.setattr(f"{HERE}.images", lambda: changed)
    assert load_data(f"{HERE}:images").identity != before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_module:load", "no module named 'no_such_module': install it, or run from"),
        (f"{HERE}:nothing", f"{HERE} has no attribute 'nothing': check the spelling"),
        (f"{HERE}:NOT_A_FUNCTION", "is a int, expected a function"),
        (f"{HERE}:wrong", "returned a int, expected images, "),
        (f"{HERE}:flat", r"holds images \(40, 256\): |has shape \(40, 256\)"),
        (f"{HERE}:broken", "failed: ValueError: the disk is gone; the function takes no argument"),
        ("no/such.py:load", "no such file: .*no/such.py; check the path"),
    ],
)
def test_errors_are_one_line(name, reason):
    with pytest.raises(DataError, match=reason) as caught:
        load_data(name)
    assert "\n" not in str(caught.value)


def test_options_that_the_set_lacks():
    with pytest.raises(DataError, match="skip_bad cannot be applied to "):
        load_data(f"{HERE}:images", skip_bad=True)
    with pytest.raises(DataError, match="leave image_size out"):
        load_data(f"{HERE}:image_data", image_size=8)
    with pytest.raises(DataError, match="41 training images asked for"):
        load_data(f"{HERE}:image_data", images=41)


def test_check_prepare_and_list():
    assert check(f"{HERE}:labelled").problems == ()
    assert prepare(f"{HERE}:images").contact_sheet.startswith(b"\x89PNG")
    assert "MODULE:FUNCTION" in {entry.name for entry in list_sets()}


def test_train_resume_and_evaluate_by_the_command(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "def load():\n"
        "    return np.random.default_rng(1).integers(0, 256, (64, 16, 16), np.uint8)\n"
    )
    monkeypatch.chdir(tmp_path)
    small = ["--network", "mlp", "--features", "8", "--hierarchy-widths", "8", "--preset", "vae"]
    asked = ["--data", "mine.py:load", "--batch-size", "8", "--steps", "2", "--quiet"]
    main(["train", "run", *asked, *small])
    assert RunFolder.open(tmp_path / "run").config.data.name == "mine.py:load"
    main(["train", "run", "--resume", "--quiet"])
    main(["attack", "run", "--pairs", "1", "--restarts", "1", "--max-evaluations", "2", "--quiet"])
    assert list((tmp_path / "run" / "attacks").iterdir())
