"""Many requests as columns that look like a list of `Request`."""

from collections.abc import Iterator, Sequence
from typing import overload

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.coded import coded
from p2pmatch.orders import Request

__all__ = ["RequestColumns", "borrowers_of", "cells_of", "ids_of", "keep"]


def keep(columns: attrs.AttrsInstance) -> None:
    """Make of arrays copies that are read-only, unless they are already, and of lists tuples.

    What was checked is trusted from then on, and loans refer to it: nobody may change it any more.
    """
    for field in attrs.fields(type(columns)):
        column = getattr(columns, field.name)
        if not isinstance(column, np.ndarray):
            object.__setattr__(columns, field.name, tuple(column))
        elif column.flags.writeable:
            copy = column.copy()
            copy.setflags(write=False)
            object.__setattr__(columns, field.name, copy)


@attrs.frozen(eq=False, kw_only=True)
class RequestColumns(Sequence[Request]):
    """Many requests, checked, as columns of equal length n. A request is made when it is asked for.

    None of it can be changed: arrays are read-only, and copies of what could be written to.

    Parameters
    ----------
    request_ids, borrower_ids : n ids.
    amounts, max_rates, least_amounts : int64, shape (n,), minor units and ppm.
    cells, cell_codes : the distinct pairs (grade, term), and int32 positions in them.
    tags, tag_codes : the distinct sets of tags, and int32 positions in them.
    expires_at : per request, or None.
    whole : bool, shape (n,): whether no least amount was set, so that it is the whole amount.
    """

    request_ids: tuple[str, ...]
    borrower_ids: tuple[str, ...]
    amounts: npt.NDArray[np.int64]
    max_rates: npt.NDArray[np.int64]
    least_amounts: npt.NDArray[np.int64]
    whole: npt.NDArray[np.bool_]
    cells: Sequence[tuple[str, int]]
    cell_codes: npt.NDArray[np.int32]
    tags: Sequence[frozenset[str]]
    tag_codes: npt.NDArray[np.int32]
    expires_at: Sequence[int | None]

    @classmethod
    def of(cls, requests: Sequence[Request]) -> "RequestColumns":
        """The columns of requests that are objects already. O(n)."""
        cells, cell_codes = cells_of(requests)
        tags, tag_codes = coded([request.tags for request in requests])
        return cls(
            request_ids=ids_of(requests),
            borrower_ids=borrowers_of(requests),
            amounts=np.array([request.amount for request in requests], dtype=np.int64),
            max_rates=np.array([request.max_rate for request in requests], dtype=np.int64),
            least_amounts=np.array([request.least_amount for request in requests], dtype=np.int64),
            whole=np.array([request.min_amount is None for request in requests], dtype=np.bool_),
            cells=cells,
            cell_codes=cell_codes,
            tags=tags,
            tag_codes=tag_codes,
            expires_at=[request.expires_at for request in requests],
        )

    def __attrs_post_init__(self) -> None:
        keep(self)

    def __len__(self) -> int:
        return len(self.request_ids)

    @overload
    def __getitem__(self, index: int) -> Request: ...
    @overload
    def __getitem__(self, index: slice) -> "RequestColumns": ...
    def __getitem__(self, index: int | slice) -> "Request | RequestColumns":
        if isinstance(index, slice):
            if index.indices(len(self)) == (0, len(self), 1):
                return self
            used, codes = np.unique(self.cell_codes[index], return_inverse=True)
            return RequestColumns(
                request_ids=self.request_ids[index],
                borrower_ids=self.borrower_ids[index],
                amounts=self.amounts[index],
                max_rates=self.max_rates[index],
                least_amounts=self.least_amounts[index],
                whole=self.whole[index],
                cells=[self.cells[code] for code in used.tolist()],
                cell_codes=codes.astype(np.int32),
                tags=self.tags,
                tag_codes=self.tag_codes[index],
                expires_at=self.expires_at[index],
            )
        grade, term = self.cells[self.cell_codes[index]]
        return Request(
            request_id=self.request_ids[index],
            borrower_id=self.borrower_ids[index],
            amount=int(self.amounts[index]),
            max_rate=int(self.max_rates[index]),
            grade=grade,
            term=term,
            min_amount=None if self.whole[index] else int(self.least_amounts[index]),
            tags=self.tags[self.tag_codes[index]],
            expires_at=self.expires_at[index],
        )

    def __iter__(self) -> Iterator[Request]:
        return (self[row] for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] - arrays


def ids_of(requests: Sequence[Request]) -> tuple[str, ...]:
    """The requests' ids."""
    if isinstance(requests, RequestColumns):
        return requests.request_ids
    return tuple(request.request_id for request in requests)


def borrowers_of(requests: Sequence[Request]) -> tuple[str, ...]:
    """The borrowers' ids."""
    if isinstance(requests, RequestColumns):
        return requests.borrower_ids
    return tuple(request.borrower_id for request in requests)


def cells_of(
    requests: Sequence[Request],
) -> tuple[Sequence[tuple[str, int]], npt.NDArray[np.int32]]:
    """The pairs (grade, term), and which of them each request is for."""
    if isinstance(requests, RequestColumns):
        return requests.cells, requests.cell_codes
    return coded([(request.grade, request.term) for request in requests])
