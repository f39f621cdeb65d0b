"""Attributes that are made when they are first read."""

from p2pmatch.late import Late


def test_it_is_made_once_for_each_and_kept_under_its_name() -> None:
    made: list[object] = []

    def make(book: object) -> int:
        made.append(book)
        return len(made)

    class Book:
        places = Late(make)

    one, other = Book(), Book()
    assert made == []
    assert [one.places, one.places, other.places, one.places] == [1, 1, 2, 1]
    assert made == [one, other]
    assert vars(one) == {"places": 1}


def test_it_says_which_name_it_has() -> None:
    late = Late(len)
    late.__set_name__(object, "rows")

    class Row(list[int]):
        pass

    row = Row([1, 2])
    assert late.__get__(row, Row) == 2
    assert vars(row) == {"rows": 2}
