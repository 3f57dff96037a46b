"""Solutions of chapter 4, one module a lesson."""
