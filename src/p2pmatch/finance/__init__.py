"""What a loan costs and earns: exact schedules, their split over lenders, and rates with names.

Everything is whole numbers and fractions; the rates are rounded half up to 1 ppm, and the rounding
is proved, not hoped for.
"""

from p2pmatch.finance.apr import apr
from p2pmatch.finance.daycount import DAY_COUNTS, add_months, due_dates, year_fraction
from p2pmatch.finance.schedule import METHODS, Schedule, schedule
from p2pmatch.finance.xirr import xirr

__all__ = [
    "DAY_COUNTS",
    "METHODS",
    "Schedule",
    "add_months",
    "apr",
    "due_dates",
    "schedule",
    "xirr",
    "year_fraction",
]
