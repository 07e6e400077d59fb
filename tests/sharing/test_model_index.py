"""The model-index of a card, as the Hub's own parser reads it."""

from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import EvalResult, ModelCard

from seatbelt_vae.errors import ArtifactError
from seatbelt_vae.runs.audit_document import AuditFlag, write_audit
from seatbelt_vae.sharing import share
from seatbelt_vae.sharing.model_index import evaluations_of
from tests.attacks.suite_runs import make_run
from tests.auditing.example import example

FLAG = AuditFlag("not converged", "inconclusive", True, "it falls", "by 0.1", "raise evaluations")


def _shared(folder: Path) -> ModelCard:
    return ModelCard.load(share(make_run(folder / "run"), folder / "shared") / "README.md")


def test_the_hub_reads_the_results_of_the_audit(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    write_audit(run.path / "audit/audit.json", example())
    card = ModelCard.load(share(run, tmp_path / "shared") / "README.md")
    assert card.data.model_name == "seatbelt on dsprites"
    read: list[EvalResult] = card.data.eval_results
    assert len(read) == len(example().results)
    by_name = {entry.metric_name: entry for entry in read}
    for result in example().results:
        entry = by_name[result.metric]
        assert entry.metric_value == result.value
        assert entry.metric_type == result.metric.split("@")[0]
        assert entry.metric_args == {
            "low": result.low,
            "high": result.high,
            "pairs": result.pairs,
        }
        assert (entry.dataset_name, entry.dataset_revision) == ("folder:photos", "41b07c9e63aa12fd")
        assert entry.task_type == "image-to-image"
    assert f"Audit: {example().verdict.sentence}" in card.text.replace("\\", "")


def test_a_run_without_an_audit_has_no_model_index(tmp_path: Path) -> None:
    card = _shared(tmp_path)
    assert card.data.eval_results is None
    assert "model-index" not in card.content


def test_numbers_that_cannot_be_believed_are_left_out() -> None:
    audit = example()
    raised = tuple(replace(check, raised=True) for check in audit.checks)
    assert evaluations_of(audit)
    assert evaluations_of(replace(audit, checks=raised)) == []
    assert evaluations_of(replace(audit, flags=(FLAG,))) == []
    assert evaluations_of(replace(audit, flags=(replace(FLAG, severity="warning"),)))


def test_a_metric_without_a_value_is_left_out() -> None:
    first, *others = example().results
    found = evaluations_of(replace(example(), results=(replace(first, value=None), *others)))
    assert [entry.metric_name for entry in found] == [result.metric for result in others]


def test_vectors_are_no_images() -> None:
    audit = example()
    vectors = replace(audit, target=replace(audit.target, event_shape=(64,)))
    assert {entry.task_type for entry in evaluations_of(vectors)} == {"other"}


def test_a_damaged_audit_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    write_audit(run.path / "audit/audit.json", example())
    (run.path / "audit/audit.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"audit\.json has schema_version None"):
        share(run, tmp_path / "shared")
    assert not (tmp_path / "shared").exists()
