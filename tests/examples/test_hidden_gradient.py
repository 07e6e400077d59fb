"""The demonstration: a hidden gradient is caught, and the honest model is not accused."""

from pathlib import Path

from examples.hidden_gradient import main, small_run


def raised(judged):
    return {flag.name for flag in judged.flags if flag.raised}


def test_the_hidden_model_is_caught_and_the_honest_one_is_not(tmp_path: Path, capsys) -> None:
    run = small_run(tmp_path / "run", steps=60)
    honest, hidden = main(run.path, pairs=1).values()
    caught = {
        "gradient not usable",
        "gradient-free search beats the attack",
        "transfer beats the attack",
    }
    assert caught <= raised(hidden)
    assert not raised(honest)
    assert "it means: the gradient is masked" in capsys.readouterr().out
