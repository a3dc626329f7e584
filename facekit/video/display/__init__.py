"""What a person sees: cards, figures, the window."""
