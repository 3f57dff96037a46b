"""The exercises of chapter 1 are proved."""

from exercise_proofs import ExerciseProofs


class TestTensors(ExerciseProofs):
    chapter = "tensors"
