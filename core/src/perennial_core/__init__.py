"""What Perennial's services share: resource types, registry, manifest, decisions."""
