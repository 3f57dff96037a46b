"""Solutions of chapter 1, one module a lesson."""
