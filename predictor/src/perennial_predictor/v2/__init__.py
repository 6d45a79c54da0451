"""The Open Inference Protocol, version 2: its tensors, whichever way they come."""
