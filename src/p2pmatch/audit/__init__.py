"""Checks results from the outside: from events or from files alone, in plain Python.

Nothing here is shared with the engine but the records and the units. `audit_directory` checks what
`p2pmatch match` wrote; `Auditor` folds the events of a live marketplace. Both hand every loan to
the same checks, which name the first rule that does not hold.
"""

from p2pmatch.audit.directory import audit_directory
from p2pmatch.audit.live import Auditor, audit_events
from p2pmatch.audit.report import BREACHES, Breach, Report

__all__ = ["BREACHES", "Auditor", "Breach", "Report", "audit_directory", "audit_events"]
