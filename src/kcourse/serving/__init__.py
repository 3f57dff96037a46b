"""A model behind HTTP: the service, and the client that calls it."""

from kcourse.serving.client import Client, running

__all__ = ["Client", "running"]
