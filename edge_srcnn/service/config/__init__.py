"""Read the service's configuration: TOML file, environment and flags, checked, with the origin of each value."""
