"""Pure decisions: what should happen next, from what was observed."""
