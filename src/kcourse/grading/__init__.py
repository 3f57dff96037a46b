"""Grade submissions: run the answers in confined processes, judge them outside these.

Three kinds of process, kept apart by what they trust. The *trusted process* (``command``,
``batch``, ``submission``, ``answers``, ``running``, ``runner``, ``store``, ``report``) reads
notebooks as data, makes the cases, judges and reports. The *worker server* (``server``) has the
libraries imported, holds no secret, and forks a *worker* (``worker``) for each notebook, which
confines itself (``sandbox``, ``seccomp``), runs the learner's cells and shows what the answers
give. A *clean verifier* is a worker that runs no learner's code, but loads what an answer saved.
Between them, the *wire* (``wire``, ``session``, ``scratch``) carries plain data with caps and
deadlines. ``canaries`` proves before each run that the confinement holds.

Importing this package imports none of its parts: a worker must not load what it may not know.
"""
