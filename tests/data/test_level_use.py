"""The range of stored values of a set is that of all its pictures together."""

from seatbelt_vae.data.level_use import Levels, LevelUse


def test_the_range_is_that_of_all_pictures():
    use = LevelUse()
    for low, high in ((40, 50), (10, 20), (60, 70), (30, 40)):
        use.add(Levels("8 bits", 0, 255, ((low, high),)))
    assert use.notes == (
        "8 bits: values from 10 to 70 of 0 to 255: black=10 and white=70 stretch them",
    )


def test_each_depth_has_its_own_range():
    use = LevelUse()
    use.add(Levels("8 bits", 0, 255, ((0, 9),)), ["late"])
    use.add(Levels("16 bits", 0, 65535, ((0, 65535),)), ["late"])
    use.add(Levels("16 bits", 0, 65535, ((7, 8),)))
    assert use.notes == (
        "8 bits: values from 0 to 9 of 0 to 255: black=0 and white=9 stretch them",
        "late: 2 pictures",
    )


def test_one_colour_picture_makes_a_set_colour_and_one_value_a_channel_vary():
    use, grey = LevelUse(), ((0, 255), (5, 5), (0, 255))
    use.add(Levels("8 bits", 0, 255, grey), equal=True)
    assert use.notes == (
        "8 bits: green is 5 in every picture",
        "every picture is grey, kept as colour: channels=1 keeps one channel",
    )
    use.add(Levels("8 bits", 0, 255, ((0, 255), (6, 6), (0, 255))), equal=False)
    assert use.notes == ()


def test_a_white_below_black_keeps_its_order():
    use = LevelUse()
    use.add(Levels("8 bits", 255, 0, ((10, 20),)))
    (note,) = use.notes
    assert note.endswith("of 0 to 255: black=20 and white=10 stretch them")
