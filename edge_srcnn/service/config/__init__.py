"""TOML, environment and flags to a configuration that is checked, and where each value comes from."""
