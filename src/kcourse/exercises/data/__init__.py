"""Exercises of chapter 5, one module a lesson."""
