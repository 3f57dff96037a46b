"""What holds for all tests: figures are drawn without a screen."""

import matplotlib as mpl

mpl.use("Agg")
