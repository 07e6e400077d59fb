"""The flags that measuring judges: raised when they should be, and calm otherwise."""

from seatbelt_vae.evaluation.flags import measured_flags

CALM = {"gap": 0.5, "gap_sampled": 0.55, "told_apart": True}


def raised(rows, pairs):
    return {flag.name for flag in measured_flags([rows], pairs) if flag.raised}


def test_agreeing_paths_and_pairs_told_apart_raise_nothing():
    assert raised([CALM], [{"told_apart": True}]) == set()


def test_paths_that_differ_are_flagged_whichever_is_larger():
    for other in (0.2, 0.8):
        assert raised([CALM | {"gap_sampled": other}], [{"told_apart": True}]) == {"paths differ"}


def test_a_pair_not_told_apart_is_flagged_and_its_gaps_do_not_count():
    rows = [CALM, {"gap": 0.1, "gap_sampled": 0.9, "told_apart": False}]
    flags = measured_flags([rows], [{"told_apart": True}, {"told_apart": False}])
    assert [flag.raised for flag in flags] == [False, True]
    assert flags[1].value == 0.5
    assert flags[1].detail == "1 of 2 pairs"


def test_gaps_without_meaning_are_passed_over():
    rows = [{"gap": None, "gap_sampled": None, "told_apart": True}]
    assert raised(rows, [{"told_apart": True}]) == set()
