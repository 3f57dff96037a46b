"""What holds for all tests: figures need no screen, and programs under test hear Ctrl+C."""

import signal

import matplotlib as mpl

mpl.use("Agg")

# A shell that runs tests in the background has them ignore Ctrl+C, and all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
