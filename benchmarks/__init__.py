"""One program per workload; each checks that its engines agree before it prints a time."""
