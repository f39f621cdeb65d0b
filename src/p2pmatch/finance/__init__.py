"""What a loan costs and earns: exact schedules, their split over lenders, and rates with names.

Everything is whole numbers and fractions; the rates are rounded half up to 1 ppm, and the rounding
is proved, not hoped for.
"""

from p2pmatch.finance.amortise import METHODS
from p2pmatch.finance.apr import APR_RULES, apr
from p2pmatch.finance.daycount import DAY_COUNTS, add_months, due_dates, year_fraction
from p2pmatch.finance.many import Schedules, schedules
from p2pmatch.finance.schedule import Schedule, schedule
from p2pmatch.finance.split import Split
from p2pmatch.finance.xirr import xirr

__all__ = [
    "APR_RULES",
    "DAY_COUNTS",
    "METHODS",
    "Schedule",
    "Schedules",
    "Split",
    "add_months",
    "apr",
    "due_dates",
    "schedule",
    "schedules",
    "xirr",
    "year_fraction",
]
