"""Pure: the model's status, conditions and events from what a reconcile found out."""
