"""``zoo``: list the trained models in the package."""

from typing import Any

from huggingface_hub import ModelCard

from seatbelt_vae.cli.options import Zoo
from seatbelt_vae.cli.stdout import print_json, print_table
from seatbelt_vae.runs import RunFolder
from seatbelt_vae.runs.zoo_folder import CARD, ZOO, zoo_models

__all__ = ["run"]

_METRIC = "gap@0.2"


def run(options: Zoo) -> None:
    """Print one row per model."""
    models = [_about(folder) for folder in zoo_models().values()]
    if options.output.json:
        print_json({"models": models})
        return
    columns = ["target", "data", "preset", "defence", "size", _METRIC]
    rows = [
        [
            *(model["target"], model["data"], model["preset"], ", ".join(model["defence"]) or "–"),
            f"{model['bytes'] / 1e6:.1f} MB",
            "–" if model[_METRIC] is None else f"{model[_METRIC]:.2f}",
        ]
        for model in models
    ]
    print_table("", columns, rows, words=range(4))


def _about(folder: RunFolder) -> dict[str, Any]:
    config, card = folder.config, ModelCard.load(folder.path / CARD)
    results = {result.metric_name: result.metric_value for result in card.data.eval_results or ()}
    return {
        "target": f"{ZOO}{folder.path.name}",
        "data": config.data.name,
        "preset": config.model.preset,
        "defence": list(config.objective.defence),
        "bytes": sum(path.stat().st_size for path in folder.path.iterdir()),
        _METRIC: results.get(_METRIC),
    }
