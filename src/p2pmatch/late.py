"""An attribute that is made when it is first read."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Late"]

_T = TypeVar("_T")


class Late(Generic[_T]):
    """An attribute of a class that is made when it is first read, and is a plain one from then on.

    For what takes long to make and is not always needed: an index over a million offers takes as
    long as reading them.

    Parameters
    ----------
    make : gets the instance.

    Examples
    --------
    >>> class Book:
    ...     names = ["ann", "ben"]
    ...     places = Late(lambda book: {name: i for i, name in enumerate(book.names)})
    >>> book = Book()
    >>> vars(book)
    {}
    >>> book.places["ben"], list(vars(book))
    (1, ['places'])
    """

    _name: str

    def __init__(self, make: Callable[[Any], _T]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> _T:
        made = self._make(instance)
        # Found there from now on, before anybody looks here.
        vars(instance)[self._name] = made
        return made
