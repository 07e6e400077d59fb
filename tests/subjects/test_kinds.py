"""Models that other libraries trained and saved, against those libraries' own reconstructions."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from seatbelt_vae import AttackConfig, attack, load_data, open_subject
from seatbelt_vae.cli import main
from seatbelt_vae.errors import ArtifactError, ConfigError, SeatbeltError
from seatbelt_vae.evaluation import tokens_changed
from seatbelt_vae.randomness import Stream, generator_for
from seatbelt_vae.runs import read_json, write_tensors
from seatbelt_vae.subjects.adapters.disentangling_vae import DisentanglingVAE
from seatbelt_vae.testing import check_autoencoder

PUBLIC = Path(__file__).parents[3] / "shared/data/public_vaes"
PYTHAE = ("VAE", "BetaTCVAE", "HVAE", "VQVAE", "AE")
SETS = ("celeba", "chairs", "dsprites")
DIFFUSERS = ("AutoencoderKL", "AutoencoderTiny", "VQModel", "AutoencoderDC")
_DRAWING = "ConsistencyDecoderVAE"


def bars(side: int, channels: int) -> np.ndarray:
    """60 images of a bright bar on a dark ground, bytes."""
    made = np.zeros((60, side, side, channels), np.uint8)
    for i, image in enumerate(made):
        image[:, i % side, i % channels] = 255
        image[i // 2 % side, :, i % channels] = 180
    return made


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Grey images of 12×12 and colour images of 32×32, by channels."""
    root = tmp_path_factory.mktemp("data")
    np.save(root / "1.npy", bars(12, 1))
    np.save(root / "3.npy", bars(32, 3))
    return {channels: load_data("array", root / f"{channels}.npy") for channels in (1, 3)}


def trained_by_pythae(kind: str, folder: Path) -> nn.Module:
    """A model after a few epochs of pythae's own trainer."""
    from pythae import models, trainers

    torch.manual_seed(0)
    settings = getattr(models, f"{kind}Config")(input_dim=(1, 12, 12), latent_dim=4)
    model = getattr(models, kind)(settings)
    images = bars(12, 1).transpose(0, 3, 1, 2) / 255
    from pythae.data.preprocessors import DataProcessor

    processor = DataProcessor()
    dataset = processor.to_dataset(processor.process_data(images.astype(np.float32)))
    config = trainers.BaseTrainerConfig(
        output_dir=str(folder), num_epochs=3, per_device_train_batch_size=20, no_cuda=True
    )
    trainer = trainers.BaseTrainer(model, dataset, training_config=config)
    trainer.train()
    (found,) = folder.glob("*/final_model")
    return model, found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", PYTHAE)
def test_pythae(kind, tmp_path, data):
    pytest.importorskip("pythae", reason="the extra `pythae` is not installed")
    model, folder = trained_by_pythae(kind, tmp_path / "pythae")
    subject = open_subject(folder, data[1])
    assert subject.kind == "pythae"
    x = subject.images(data[1]).test.batch(np.arange(3))
    encoded = model.eval().encoder(x)
    z = encoded.embedding
    if kind == "VQVAE":
        book = model.quantizer.embeddings.weight
        z = book[torch.cdist(z.reshape(-1, book.shape[1]), book).argmin(1)].reshape(z.shape)
    torch.testing.assert_close(
        subject.model.decode(subject.model.encode(x).z).mean, model.decoder(z).reconstruction
    )
    layers = subject.model.encode(x).layers
    if kind == "VQVAE":
        check_tokens(subject.model, x, book, z)
    if kind in ("VQVAE", "AE"):
        assert layers == ()
        return
    spread = encoded.log_covariance
    std = spread.exp().log1p() if kind == "HVAE" else (0.5 * spread).exp()
    torch.testing.assert_close(layers[0].std, std)


def check_tokens(model, x, book, quantised):
    """Tokens name the vectors of the codebook, and their changed share is counted."""
    tokens = model.tokens(x)
    vectors = book[tokens.reshape(-1)]
    expected = quantised.movedim(1, -1) if quantised.ndim == 4 else quantised
    torch.testing.assert_close(vectors, expected.reshape(vectors.shape), rtol=1e-4, atol=1e-6)
    assert model.assumptions["code"].startswith("before quantisation")
    other = x.flip(0)
    share = (tokens != model.tokens(other)).double().mean(1)
    assert tokens_changed(model, x, other).equal(share)
    assert tokens_changed(model, x, x).equal(torch.zeros(len(x), dtype=torch.double))


def saved_by_diffusers(kind: str, folder: Path, blocks: int = 2) -> nn.Module:
    """A small autoencoder of a class of diffusers; ``blocks`` of AutoencoderKL and VQModel."""
    import diffusers

    few = {
        "block_out_channels": (8, 16)[:blocks],
        "norm_num_groups": 4,
        "down_block_types": ("DownEncoderBlock2D",) * blocks,
        "up_block_types": ("UpDecoderBlock2D",) * blocks,
    }
    tiny = {f"{part}_block_out_channels": (8, 8) for part in ("encoder", "decoder")} | {
        f"num_{part}_blocks": (1, 1) for part in ("encoder", "decoder")
    }
    deep = {
        f"{part}_{name}": value
        for part in ("encoder", "decoder")
        for name, value in {
            "block_out_channels": (8, 8),
            "layers_per_block": (1, 1),
            "block_types": "ResBlock",
            "qkv_multiscales": ((), ()),
        }.items()
    }
    settings = {
        "AutoencoderKL": few | {"latent_channels": 4},
        "AutoencoderTiny": tiny | {"latent_channels": 4},
        "VQModel": few | {"latent_channels": 3, "num_vq_embeddings": 16},
        "AutoencoderDC": deep | {"latent_channels": 4, "attention_head_dim": 4},
        _DRAWING: {
            "latent_channels": 4,
            "encoder_block_out_channels": (8, 16),
            "encoder_down_block_types": ("DownEncoderBlock2D",) * 2,
            "encoder_norm_num_groups": 4,
            "decoder_block_out_channels": (32, 32),
            "decoder_down_block_types": ("ResnetDownsampleBlock2D",) * 2,
            "decoder_up_block_types": ("ResnetUpsampleBlock2D",) * 2,
            "decoder_layers_per_block": 1,
        },
    }
    torch.manual_seed(0)
    model = getattr(diffusers, kind)(**settings[kind]).eval()
    model.save_pretrained(folder)
    return model


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", DIFFUSERS)
def test_diffusers(kind, tmp_path, data):
    pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")
    model = saved_by_diffusers(kind, tmp_path / "saved")
    subject = open_subject(tmp_path / "saved", data[3])
    assert subject.kind == "diffusers"
    assert subject.model.bounds == (-1.0, 1.0)
    x = subject.images(data[3]).test.batch(np.arange(2))
    with torch.no_grad():
        encoded = model.encode(x)
        z = encoded.latent_dist.mean if kind == "AutoencoderKL" else encoded[0]
        expected = model.decode(z).sample
    if kind == "VQModel":
        book = model.quantize.embedding.weight
        nearest = book[torch.cdist(z.movedim(1, -1).reshape(-1, 3), book).argmin(1)]
        quantised = nearest.reshape(*z.movedim(1, -1).shape).movedim(-1, 1)
        check_tokens(subject.model, x, book, quantised)
    else:
        with pytest.raises(ConfigError, match="ForeignAutoencoder has no tokens"):
            tokens_changed(subject.model, x, x)
    torch.testing.assert_close(
        subject.model.decode(subject.model.encode(x).z).mean, expected, rtol=1e-4, atol=1e-4
    )
    if kind == "AutoencoderKL":
        (layer,) = subject.model.encode(x).layers
        torch.testing.assert_close(layer.log_variance, encoded.latent_dist.logvar.flatten(1))


@pytest.mark.filterwarnings("ignore")
def test_a_decoder_of_diffusers_that_draws_has_one_noise(tmp_path, data):
    pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")
    model = saved_by_diffusers(_DRAWING, tmp_path / "saved")
    adapted = open_subject(tmp_path / "saved", data[3]).model
    z = torch.randn(3, *adapted.latent_sizes, generator=torch.Generator().manual_seed(1))
    found = adapted.decode([z]).mean
    assert adapted.decode([z]).mean.equal(found)
    code = z[1].view(1, *adapted.code_shapes[0])
    with torch.no_grad():
        alone = model.decode(code, generator=generator_for(Stream.DECODER_NOISE, 0)).sample
        other = model.decode(code, generator=torch.Generator().manual_seed(2)).sample
    torch.testing.assert_close(found[1:2], alone, rtol=1e-4, atol=1e-4)
    assert (other - alone).abs().amax() > 0.1
    check_autoencoder(adapted)


class Small(nn.Module):
    """A deterministic autoencoder of 12×12 images."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(144, 4), nn.Linear(4, 144)

    def encode(self, x):
        return self.down(x.flatten(1)).tanh()

    def decode(self, z):
        return self.up(z).sigmoid().view(-1, 1, 12, 12)

    def forward(self, x):
        return self.decode(self.encode(x))


class Map(nn.Module):
    def __init__(self, model, name):
        super().__init__()
        self.model, self.name = model, name

    def forward(self, x):
        return getattr(self.model, self.name)(x)


def export(model: nn.Module, path: Path, *shape: int) -> None:
    """Save a program that takes batches of any size."""
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(
        model.eval(), (torch.zeros(3, *shape),), dynamic_shapes=({0: batch},)
    )
    torch.export.save(program, path)


@pytest.mark.parametrize("parts", ["one program", "two programs"])
def test_exported_programs(parts, tmp_path, data):
    torch.manual_seed(0)
    model, target = Small(), tmp_path / "model.pt2"
    if parts == "one program":
        export(model, target, 1, 12, 12)
    else:
        target = tmp_path
        export(Map(model, "encode"), target / "encode.pt2", 1, 12, 12)
        export(Map(model, "decode"), target / "decode.pt2", 4)
    subject = open_subject(target, data[1])
    x, aim = subject.images(data[1]).test.batch(np.arange(2)).chunk(2)
    with torch.no_grad():
        expected = model(x)
    torch.testing.assert_close(subject.model.decode(subject.model.encode(x).z).mean, expected)
    found = attack(subject.model, x, aim, AttackConfig("output-l2", threat="l2", recheck=0))
    assert (found.divergence[0, -1] < found.problem.divergence_start[0]).all()


def test_a_weights_file_of_a_known_network(tmp_path):
    torch.manual_seed(0)
    network = DisentanglingVAE(1, 32, 3, 8)
    write_tensors(tmp_path / "published.safetensors", network.state_dict())
    subject = open_subject(tmp_path / "published.safetensors")
    assert (subject.name, subject.kind) == ("published", "weights")
    x = torch.rand(2, 1, 32, 32)
    mean, log_variance = network.encode(x)
    (layer,) = subject.model.encode(x).layers
    torch.testing.assert_close(layer.mean, mean)
    torch.testing.assert_close(layer.log_variance, log_variance)
    decoded = subject.model.decode(subject.model.encode(x).z)
    torch.testing.assert_close(decoded.mean, network.decode(mean).sigmoid())
    bernoulli = torch.distributions.Bernoulli(logits=network.decode(mean), validate_args=False)
    torch.testing.assert_close(decoded.log_prob(x), bernoulli.log_prob(x).flatten(1).sum(1))


@pytest.mark.skipif(not PUBLIC.exists(), reason="the folder of public models is not here")
@pytest.mark.parametrize(
    "name", sorted(read_json(PUBLIC / "models.json")) if PUBLIC.exists() else []
)
def test_public_models_open(name):
    path = PUBLIC / f"{name}.safetensors"
    if not path.exists():
        pytest.skip("not a network of this layout")
    assert open_subject(path).model.latent_sizes == (10,)


def test_the_folder_of_results_reopens_its_source(tmp_path, monkeypatch, capsys):
    torch.manual_seed(0)
    monkeypatch.chdir(tmp_path)
    write_tensors(Path("small.safetensors"), DisentanglingVAE(1, 32, 3, 8).state_dict())
    np.save("images.npy", bars(32, 1))
    given = ("--data", "array", "--root", "images.npy", "--quiet")
    quick = ("--pairs", "1", "--weight-count", "3", "--restarts", "0", "--processes", "1")
    assert main(["attack", "small.safetensors", *given, *quick]) == 0
    assert read_json(Path("runs/small/subject.json"))["assumptions"]["output"] == "logits"
    assert main(["evaluate", "runs/small", "--images", "5", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["elbo"] < 0


def _pickled(folder: Path) -> None:
    (folder / "model_config.json").write_text('{"name": "VAEConfig", "input_dim": [1, 12, 12]}')
    (folder / "model.pt").write_bytes(pickle.dumps(print))


def _custom(folder: Path) -> None:
    _pickled(folder)
    (folder / "encoder.pkl").write_bytes(b"")


def _unknown(folder: Path) -> None:
    (folder / "model_config.json").write_text('{"name": "os.systemConfig"}')
    (folder / "model.pt").write_bytes(b"")


def _no_autoencoder(folder: Path) -> None:
    (folder / "config.json").write_text('{"_class_name": "UNet2DModel"}')


def _no_weights(folder: Path) -> None:
    (folder / "config.json").write_text('{"_class_name": "AutoencoderTiny"}')


def _pickled_weights(folder: Path) -> None:
    _no_weights(folder)
    (folder / "diffusion_pytorch_model.bin").write_bytes(pickle.dumps(print))


def _no_program(folder: Path) -> None:
    (folder / "encode.pt2").write_bytes(b"PK\x05\x06" + bytes(18))


HOSTILE = {
    "pickled weights of pythae": (_pickled, "cannot be loaded by pythae: .*[Ww]eights"),
    "pickled networks of pythae": (_custom, r"holds pickled networks \(encoder.pkl\)"),
    "a model that pythae lacks": (_unknown, "names the model 'os.system', which pythae lacks"),
    "another class of diffusers": (_no_autoencoder, "holds a UNet2DModel, expected an autoencoder"),
    "no weights of diffusers": (_no_weights, "cannot be loaded by diffusers"),
    "pickled weights of diffusers": (_pickled_weights, "cannot be loaded by diffusers"),
    "a damaged program": (_no_program, "encode.pt2 cannot be loaded"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("write", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_folders_are_refused(write, message, tmp_path, data):
    write(tmp_path)
    with pytest.raises(SeatbeltError, match=message) as caught:
        open_subject(tmp_path, data[1])
    assert "\n" not in str(caught.value)


def test_other_weights_and_missing_shapes_are_named(tmp_path):
    write_tensors(tmp_path / "other.safetensors", {"layer.weight": torch.zeros(2)})
    with pytest.raises(ArtifactError, match=r"of no known network \(disentangling_vae\)"):
        open_subject(tmp_path / "other.safetensors")
    wrong = DisentanglingVAE(1, 32, 3, 8).state_dict() | {"decoder.lin1.weight": torch.zeros(2, 2)}
    write_tensors(tmp_path / "wrong.safetensors", wrong)
    with pytest.raises(ArtifactError, match="the weights are not those of disentangling-vae: "):
        open_subject(tmp_path / "wrong.safetensors")
    (tmp_path / "model.pt2").touch()
    with pytest.raises(ConfigError, match="does not state the shape of its inputs: give --data"):
        open_subject(tmp_path / "model.pt2")
    with pytest.raises(ArtifactError, match="is no subject: expected a run folder"):
        open_subject(tmp_path)
